"""Every protocol as a picture, to be looked at: python -m bench.pictures FOLDER [--only hh] [--languages en,ar]

A fresh instance with the demo; its owner publishes one scale after the other, and
the rater's page is taken at 1440, 820 and 360 pixels, light and dark, in English
and in Arabic. Names are scale-language-width-scheme.png.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from annotator.domain.protocols import PRESETS
from annotator.domain.verdicts import OPTIONAL
from bench.instance import instance
from bench.judging import BROWSERS, first_look, sign_in
from deploy.instance import logins_read

SIZES = {1440: 900, 820: 1180, 360: 740}
SCHEMES = ("light", "dark")
CRITERIA = "Accuracy | Which answer is more accurate? | five_point\nTone | Which answer is friendlier? | forced_choice"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pictures", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=[*PRESETS, "criteria"])
    parser.add_argument("--languages", default="en,ar")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tiebreak-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with instance(home) as environment, sync_playwright() as playwright:
            path = next(filter(None, map(shutil.which, BROWSERS)), None)
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            passwords = {role: login["password"] for role, login in logins_read(home / "logins.json").items()}
            address = f"http://127.0.0.1:{environment['TIEBREAK_PORT']}"
            names = [arguments.only] if arguments.only else [*PRESETS, "criteria"]
            taken = take(browser, address, passwords, names, arguments.languages.split(","), arguments.folder)
            browser.close()
    print(f"{taken} pictures in {arguments.folder}")
    return 0


def take(
    browser: Browser, address: str, passwords: dict[str, str], names: list[str], languages: list[str], folder: Path
) -> int:
    owner = browser.new_page()
    sign_in(owner, address, "owner", passwords["owner"])
    pages = {
        (language, width, scheme): raters_page(browser, address, passwords["rater"], language, width, scheme)
        for language, width, scheme in product(languages, SIZES, SCHEMES)
    }
    for name in names:
        owner.goto(f"{address}/p/demo/protocol/")
        owner.select_option("[name=preset]", "five_point" if name == "criteria" else name)
        for outcome in OPTIONAL:
            is_published = outcome in PRESETS["five_point" if name == "criteria" else name].outcomes
            owner.locator(f"[name=outcomes][value={outcome}]").set_checked(is_published)
        owner.fill("[name=criteria]", CRITERIA if name == "criteria" else "")
        owner.locator("form:has([name=preset]) [type=submit]").click()
        owner.wait_for_load_state()
        for (language, width, scheme), page in pages.items():
            page.goto(f"{address}/p/demo/judge/")
            page.locator("#verdict").wait_for()
            page.screenshot(path=folder / f"{name}-{language}-{width}-{scheme}.png")
    return len(names) * len(pages)


def raters_page(browser: Browser, address: str, password: str, language: str, width: int, scheme: str) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": SIZES[width]},
        locale=language,
        color_scheme="dark" if scheme == "dark" else "light",
        has_touch=width < 1000,
        is_mobile=width < 500,
        device_scale_factor=2 if width < 500 else 1,
    )
    sign_in(page, address, "rater", password)
    if page.locator("[data-entrance-form]").count():
        first_look(page)
    return page


if __name__ == "__main__":
    raise SystemExit(main())
