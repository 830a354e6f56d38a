"""Retake the pictures of the README from a running instance.

    .venv/bin/python -m deploy.screenshots http://127.0.0.1:8000 var/logins.json

`logins.json` is what the first `make up` writes: an owner and a rater of one project, which has turned at least one
round and collects for the next. Nothing is judged or launched; the rater's page only leases a comparison.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


class NothingToShow(Exception):
    """The instance has not got as far as the pictures; the message says what is missing."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Retake the pictures of the README from a running instance.")
    parser.add_argument("url", help="where the instance is, such as http://127.0.0.1:8000")
    parser.add_argument("logins", type=Path, help="file with the log-ins of an owner and a rater")
    parser.add_argument("--project", default="demo", help="short name of the project to show")
    parser.add_argument("--out", type=Path, default=IMAGES)
    arguments = parser.parse_args()
    logins: dict[str, dict[str, str]] = json.loads(arguments.logins.read_text())
    arguments.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        path = next((path for path in map(shutil.which, CHROMIUM) if path), None)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            take_all(browser, arguments.url.rstrip("/"), logins, f"/p/{arguments.project}/", arguments.out)
        except NothingToShow as error:
            print(f"screenshots: {error}", file=sys.stderr)
            return 1
        finally:
            browser.close()
    return 0


def take_all(browser: Browser, url: str, logins: dict[str, dict[str, str]], project: str, out: Path) -> None:
    with window(browser, url, logins["rater"], color_scheme="light", **DESKTOP) as page:
        take(page, f"{project}judge/", out / "judge.png")
    with window(browser, url, logins["rater"], color_scheme="dark", **PHONE) as page:
        take(page, f"{project}judge/", out / "judge-phone-dark.png")
    with window(browser, url, logins["owner"], color_scheme="light", **DESKTOP) as page:
        take(page, project, out / "overview.png")
        take(page, first_link(page, f"{project}rounds/", r"rounds/\d+/") + "launch/", out / "launch.png")
        take(page, turned_round(page, project), out / "round.png")
        take(page, run_with_curves(page, project), out / "run.png")
        take(page, first_link(page, f"{project}checkpoints/", r"checkpoints/\d+/"), out / "checkpoint.png")


@contextmanager
def window(browser: Browser, url: str, login: dict[str, str], **options: Any) -> Iterator[Page]:
    """A window of this size and colour scheme in which somebody is signed in."""
    context = browser.new_context(base_url=url, **options)
    page = context.new_page()
    page.goto("/login/")
    page.fill("[name=username]", login["username"])
    page.fill("[name=password]", login["password"])
    page.click("button[type=submit]")
    if page.locator("[name=password]").count():
        raise NothingToShow(f"{login['username']} cannot sign in at {url}; the password may have been changed.")
    yield page
    context.close()


def take(page: Page, address: str, path: Path) -> None:
    answer = page.goto(address)
    if answer is None or not answer.ok:
        raise NothingToShow(f"{address} does not open, so {path.name} is not taken.")
    # Lazy images in closed folds never load, so nobody waits for them.
    eager = "[...document.images].filter((image) => image.loading !== 'lazy')"
    page.evaluate(f"Promise.all({eager}.map((image) => image.decode().catch(() => null)))")
    page.screenshot(path=path, animations="disabled")
    print(path)


def first_link(page: Page, address: str, pattern: str) -> str:
    """The newest thing that a list links to."""
    found = links(page, address, pattern)
    if not found:
        raise NothingToShow(f"{address} lists nothing yet.")
    return found[0]


def turned_round(page: Page, project: str) -> str:
    """The newest round that has made a checkpoint."""
    for address in links(page, f"{project}rounds/", r"rounds/\d+/"):
        page.goto(address)
        if page.get_by_text("What it made").count():
            return address
    raise NothingToShow("No round has made a checkpoint yet; launch one first.")


def run_with_curves(page: Page, project: str) -> str:
    """The newest training of a policy, which has the most curves."""
    for address in links(page, f"{project}runs/", r"runs/\d+/"):
        page.goto(address)
        if page.get_by_role("heading", name="Policy training").count() and page.locator("picture").count():
            return address
    raise NothingToShow("No policy was trained yet; launch a round first.")


def links(page: Page, address: str, pattern: str) -> list[str]:
    page.goto(address)
    found = [link.get_attribute("href") or "" for link in page.locator("main a").all()]
    return list(dict.fromkeys(link for link in found if re.search(pattern + "$", link)))


if __name__ == "__main__":
    sys.exit(main())
