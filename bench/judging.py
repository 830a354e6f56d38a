"""From the key that judges to the next pair on the screen: python -m bench.judging [--judgments 200]

A fresh instance with the demo, the rater's page in Chromium, one judgment after
another from the keyboard. A figure is the time from `keydown` to the first frame
that shows the next pair with its buttons (two animation frames after the card
changed, when the first of them is painted).

`floor` is the same browser swapping a coloured square on an empty page of its own
for each key press: what a key and a frame cost where there is nothing to do. The
two take turns. The last line is one JSON object; times are in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bench.instance import instance
from deploy.instance import logins_read

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
READING = 400  # milliseconds: a card takes no verdict before anybody can have read it
ROUND = 20  # judgments in a row before the floor has its turn
# Resolves with the time from the next key to the frame after `changed` happened.
WATCH = """(changed) => {
  window.painted = new Promise((done) => {
    let began = 0;
    document.addEventListener("keydown", () => { began = performance.now(); }, { capture: true, once: true });
    document.addEventListener(changed, () =>
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))), { once: true });
  });
}"""
SQUARE = """<body><div id="square" style="width:400px;height:400px"></div></body>"""
SWAP = """() => document.addEventListener("keydown", () => {
  const square = document.createElement("div");
  square.style = `width:400px;height:400px;background:hsl(${Math.random() * 360} 80% 50%)`;
  document.body.replaceChildren(square);
  document.dispatchEvent(new Event("swapped"));
})"""


def measure(page: Page, key: str, changed: str) -> float:
    page.wait_for_timeout(READING)
    page.evaluate(WATCH, changed)
    page.keyboard.press(key)
    milliseconds: float = page.evaluate("() => window.painted")
    return milliseconds


def judged(page: Page, count: int) -> list[float]:
    found = []
    for number in range(count):
        page.locator("#verdict").wait_for()
        found.append(measure(page, "asdfg"[number % 5], "tiebreak:shown"))
    return found


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def summary(ours: list[float], floor: list[float]) -> dict[str, float]:
    return {
        "judgments": len(ours),
        "median": round(statistics.median(ours), 1),
        "p95": round(percentile(ours, 0.95), 1),
        "slowest": round(max(ours), 1),
        "floor_median": round(statistics.median(floor), 1),
        "floor_p95": round(percentile(floor, 0.95), 1),
        "ratio": round(statistics.median(ours) / statistics.median(floor), 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.judging", description=__doc__.splitlines()[0])
    parser.add_argument("--judgments", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiebreak-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with instance(home) as environment, sync_playwright() as playwright:
            password = logins_read(home / "logins.json")["rater"]["password"]
            path = next(filter(None, map(shutil.which, BROWSERS)), None)
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            address = f"http://127.0.0.1:{environment['TIEBREAK_PORT']}"
            ours, floor = run(browser, address, password, arguments.judgments)
            browser.close()
    print(json.dumps(summary(ours, floor)))
    return 0


def run(browser: Any, address: str, password: str, count: int) -> tuple[list[float], list[float]]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    sign_in(page, address, "rater", password)
    first_look(page)
    empty = browser.new_page(viewport={"width": 1440, "height": 900})
    empty.set_content(SQUARE)
    empty.evaluate(SWAP)
    ours: list[float] = []
    floor: list[float] = []
    while len(ours) < count:
        page.bring_to_front()
        ours += judged(page, min(ROUND, count - len(ours)))
        empty.bring_to_front()
        floor += [measure(empty, "a", "swapped") for _ in range(ROUND // 2)]
    return ours, floor


def sign_in(page: Page, address: str, username: str, password: str) -> None:
    page.goto(f"{address}/login/")
    page.fill("[name=username]", username)
    page.fill("[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)


def first_look(page: Page) -> None:
    """What a new rater does once: read the guideline, be shown around."""
    page.locator("[data-entrance-form] button").click()
    with page.expect_response(lambda response: "/around/" in response.url):
        page.locator("[data-end]").dispatch_event("click")
    page.locator("#verdict").wait_for()


if __name__ == "__main__":
    raise SystemExit(main())
