"""axe-core looks at the page, light and dark; every figure is told in words and numbers, too."""

from pathlib import Path

import pytest


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(opened, seeds, scheme) -> None:
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    page = opened(seeds, scheme=scheme)
    page.draw_all()
    axe = (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    page.js(axe)
    found = page.js("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        (each["id"], node["target"], node["failureSummary"][:300])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"][:4]
    ]
    assert serious == []


def test_every_figure_has_words_and_numbers(opened, seeds) -> None:
    page = opened(seeds)
    page.draw_all()
    silent = page.js("""() => [...document.querySelectorAll('.plot')]
      .filter((plot) => plot.querySelector('.main-svg'))
      .filter((plot) => !/[0-9]/.test(plot.getAttribute('aria-label') || '')
        || !plot.closest('section').querySelector('table'))
      .map((plot) => plot.outerHTML.slice(0, 80))""")
    assert silent == []
