"""From a checkout to a running instance: embedded servers, the launcher, and the keeper of its processes."""
