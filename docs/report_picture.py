"""Take the pictures of a report that the README shows, with Debian's Chromium.

    python docs/report_picture.py report.html FOLDER

Writes FOLDER/report-light.png and FOLDER/report-dark.png: the page at desktop width, from its title
to the end of "Best so far".
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH = 1000
"""CSS pixels."""
_TALL = 2000
"""CSS pixels of the window: what is within is drawn at once."""


def main(report: Path, folder: Path) -> None:
    """Draw the page in both colour schemes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": WIDTH, "height": _TALL}, color_scheme=scheme)
            page.goto(report.resolve().as_uri())
            page.locator("#best-by-epochs .main-svg").first.wait_for()
            end = page.evaluate(
                "document.querySelector('#progress').getBoundingClientRect().bottom"
            )
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": end}
            page.screenshot(path=folder / f"report-{scheme}.png", clip=clip)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
