"""Where Chromium is: the system's, if it has one, because its libraries are then complete."""

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# --no-sandbox: containers and root have none to offer; pages come from our own live server only.
# The rest keeps a browser that starts for two seconds from looking for updates and accounts.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def executable() -> str | None:
    """The path of the system's browser; None leaves it to the one that `playwright install` brought."""
    return next((path for path in map(shutil.which, NAMES) if path), None)
