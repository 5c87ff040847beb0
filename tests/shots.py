"""Pictures of a report page, light and dark, at three widths: `python tests/shots.py report.html FOLDER`."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTHS = {390: 844, 1280: 900, 2560: 1440}
VIEWS = ("front", "point", "layers", "formats", "hardware", "compare", "provenance")


def main(page: Path, folder: Path) -> None:
    """Take the pictures; a picture a view, and one of the whole page."""
    folder.mkdir(parents=True, exist_ok=True)
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for width, height in WIDTHS.items():
                size = {"width": width, "height": height}
                context = browser.new_context(viewport=size, color_scheme=scheme)
                context.set_default_timeout(300_000)  # where other programs keep the processor busy
                opened = context.new_page()
                opened.goto(page.resolve().as_uri(), timeout=300_000)
                while not opened.evaluate("document.documentElement.dataset.ready === 'yes'"):
                    opened.wait_for_timeout(50)
                for view in VIEWS:
                    opened.click(f'.views a[href="#{view}"]')
                    opened.locator(f"#{view}").screenshot(path=folder / f"{view}-{scheme}-{width}.png")
                opened.screenshot(path=folder / f"page-{scheme}-{width}.png", full_page=True)
                context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
