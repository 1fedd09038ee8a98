"""Take the pictures of a report that the README shows, with Debian's Chromium.

    python docs/report_picture.py report.html FOLDER

Writes FOLDER/report-light.png and FOLDER/report-dark.png: the top of the page at desktop width.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1100, 1400
"""CSS pixels: from the title to the learning curves."""


def main(report: Path, folder: Path) -> None:
    """Draw the page in both colour schemes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for scheme in ("light", "dark"):
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme
            )
            page.goto(report.resolve().as_uri())
            page.locator("#learning-curves .main-svg").first.wait_for()
            page.screenshot(path=folder / f"report-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
