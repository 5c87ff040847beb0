"""What leaves the page and comes back: links, saved files, print, and a browser without scripts."""

import csv
import io
from pathlib import Path

import pytest

PAPER = 680  # pixels of a sheet of A4 or Letter between its margins
BEYOND_PAPER = f"""() => [...document.querySelectorAll('.main-svg, table')]
  .filter((each) => each.getBoundingClientRect().width && each.getBoundingClientRect().right > {PAPER} + 1)
  .map((each) => each.closest('[id]').id + ' ' + each.getBoundingClientRect().right)"""
VIEWS = ("front", "point", "layers", "formats", "hardware", "compare")


@pytest.mark.parametrize(
    "fragment",
    [
        "#hide=nothing",
        "#hide=,prune,,",
        "#p=&l=&x=&y=",
        "#p=zzz&c=zzz,,&v=nowhere",
        "#%E0%A4%A",
        "#v=a%22]",
        "#log=",
    ],
)
def test_a_link_with_unknown_names_shows_the_page(opened, seeds, fragment) -> None:
    page = opened(seeds, fragment=fragment)
    page.page.select_option("#pick-point", "3")  # writes the address anew
    assert seeds.means[3]["recipe_hash"][:8] in page.js("location.hash")
    assert page.clean()


def test_what_a_second_link_does_not_name_is_as_at_first(opened, seeds) -> None:
    page = opened(seeds, fragment="#hide=prune&only=front&x=stored_bytes&log=xy")
    page.js("() => { location.hash = '#x=latency_cycles&theme=dark'; }")
    page.wait("document.getElementById('axis-x').value === 'latency_cycles'")
    assert page.js("document.querySelector('[data-regime=prune]').ariaPressed") == "true"
    assert page.js("document.getElementById('only-front').ariaPressed") == "false"
    assert page.js("document.documentElement.dataset.theme") == "dark"
    page.page.click("[data-regime=joint]")
    assert "theme=dark" in page.js("location.hash")
    page.page.focus(".skip")
    page.page.keyboard.press("Enter")  # the selection stays
    assert page.js("document.querySelector('[data-regime=joint]').ariaPressed") == "false"
    assert page.clean()


def test_every_figure_is_saved_with_its_numbers(opened, seeds) -> None:
    page = opened(seeds, scheme="dark")
    page.draw_all()
    texts = page.js("""async () => {
      const kept = [], [make, click] = [URL.createObjectURL, HTMLAnchorElement.prototype.click];
      URL.createObjectURL = (blob) => (kept.push(blob.text()), "blob:kept");
      HTMLAnchorElement.prototype.click = () => {};  // a file each would take seconds
      for (const button of document.querySelectorAll(".grid .tools button:last-child")) button.click();
      [URL.createObjectURL, HTMLAnchorElement.prototype.click] = [make, click];
      return Promise.all(kept);
    }""")
    assert len(texts) >= 9
    for text in texts:
        head, *rows = csv.reader(io.StringIO(text))
        assert rows, head
        assert all(len(row) == len(head) for row in rows)
        numbers = [cell for row in rows for cell in row[1:] if cell]
        assert any(cell.replace(".", "").replace("-", "").isdigit() for cell in numbers), text[:200]
    assert page.clean()


def test_energies_are_saved_in_full(opened, seeds) -> None:
    page = opened(seeds)
    page.draw_all()
    with page.page.expect_download() as caught:
        page.page.click("button[aria-label='Save Energy per layer as CSV']")
    head, *rows = csv.reader(io.StringIO(Path(caught.value.path()).read_text(encoding="utf-8")))
    assert head[1].startswith("energy per inference (")
    place = int(page.js("document.getElementById('pick-point').value"))
    unit = {"pJ": 1.0, "nJ": 1e3, "µJ": 1e6, "mJ": 1e9}[head[1].split("(")[1].rstrip(")")]
    assert sum(float(row[1]) for row in rows) * unit == pytest.approx(seeds.means[place]["energy_pj"])
    assert {row[2] for row in rows} == set(seeds.layer_names)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_saved_figure_stands_on_its_own_ground(opened, seeds, scheme) -> None:
    page = opened(seeds, scheme=scheme)
    with page.page.expect_download() as caught:
        page.page.click("#front-controls button:text-is('SVG')")
    text = Path(caught.value.path()).read_text(encoding="utf-8")
    assert {"light": "rgb(255, 255, 255)", "dark": "rgb(27, 30, 34)"}[scheme] in text.split("</rect>")[0]


def test_print_draws_every_view_in_light(opened, seeds) -> None:
    page = opened(seeds, scheme="dark")
    page.js("() => window.dispatchEvent(new Event('beforeprint'))")
    assert page.js("document.documentElement.dataset.theme") == "light"
    for view in VIEWS:
        assert page.js(f"document.getElementById('{view}').textContent.length") > 60
    assert page.js(BEYOND_PAPER) == []
    page.js("() => window.dispatchEvent(new Event('afterprint'))")
    assert page.js("document.documentElement.dataset.theme") is None
    assert page.clean()


def test_without_scripts_no_empty_view_stands(browser, seeds, tmp_path) -> None:
    from spareto.reports.page import render

    path = tmp_path / "page.html"
    path.write_text(render(seeds), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    text = page.inner_text("main")
    assert "need JavaScript" in text
    assert "What the energy counts" in text
    assert "Accuracy against" not in text
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_numbers_behind_bars_are_not_cut(opened, seeds, width) -> None:
    page = opened(seeds, width=width)
    page.draw_all()
    cut = page.js("""() => [...document.querySelectorAll('#point .plot, #compare .plot')].flatMap((plot) => {
      const edge = plot.getBoundingClientRect().right;
      return [...plot.querySelectorAll('.annotation')].map((each) => each.getBoundingClientRect())
        .filter((box) => box.right > edge).map((box) => box.right - edge);
    })""")
    assert cut == []
