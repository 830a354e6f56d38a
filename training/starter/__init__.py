"""The starter policy: a tiny language model that answers at a made-up shop's support desk."""
