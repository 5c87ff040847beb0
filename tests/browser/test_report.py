"""The report page in a real browser: it draws, it is linked, it is quiet, and it runs nothing of others."""

import re
from pathlib import Path

import pytest

import factories

FILLS = """() => {
  const sheet = document.querySelector('.front-sheet');
  const box = document.querySelector('#front-plot .main-svg').getBoundingClientRect();
  return Math.abs(box.height - sheet.clientHeight) <= 2 && Math.abs(box.width - sheet.clientWidth) <= 2;
}"""
PLOTS = "[...document.querySelectorAll('.plot')].filter((each) => each.querySelector('.main-svg')).length"


def test_every_view_is_drawn_and_nothing_complains(shown, seeds) -> None:
    page = shown
    page.draw_all()
    assert page.js(PLOTS) >= 12
    assert page.js("document.querySelectorAll('.frames canvas').length") == 2
    assert page.js("document.querySelectorAll('.levels > li').length") == 8
    assert "3 of 64" in page.js("document.getElementById('layers-grid').textContent")
    for view in ("front", "point", "layers", "formats", "hardware", "compare", "provenance"):
        assert page.js(f"document.getElementById('{view}').getBoundingClientRect().height") > 100
    assert page.clean()


def test_choosing_a_point_shows_it_everywhere(shown, seeds) -> None:
    page = shown
    page.draw_all()
    name = seeds.means[7]["trial"]
    page.page.select_option("#pick-point", "7")
    page.draw_all()
    assert name in page.js("document.getElementById('readout').textContent")
    assert page.js("[...document.querySelectorAll('.chosen-name')].map((e) => e.textContent)") == [name] * 2
    assert page.js("document.querySelector('.points tr[aria-selected=true]').dataset.place") == "7"
    assert name in page.js("document.querySelector('#compare thead').textContent")
    assert seeds.means[7]["recipe_hash"][:8] in page.js("location.hash")
    assert page.clean()


def test_a_row_and_a_cell_choose_too(shown, seeds) -> None:
    page = shown
    page.draw_all()
    page.page.click(".points tbody tr:nth-child(3) td")
    chosen = page.js("document.querySelector('.points tr[aria-selected=true]').dataset.place")
    assert page.js("document.getElementById('pick-point').value") == chosen
    page.page.click(".cells tbody tr:nth-child(2) td:nth-child(3) button")
    assert page.js("document.getElementById('pick-layer').value") == "1"
    assert page.js("document.querySelectorAll('.cells td.picked').length") == 1


def test_the_keyboard_walks_along_the_front(shown, seeds) -> None:
    page = shown
    page.page.focus("#front-plot")
    page.page.keyboard.press("Home")
    first = page.js("document.getElementById('pick-point').value")
    page.page.keyboard.press("ArrowRight")
    second = page.js("document.getElementById('pick-point').value")
    energies = [row["energy_pj"] for row in seeds.means]
    assert int(first) == energies.index(min(energies))
    assert energies[int(second)] == sorted(energies)[1]


def test_the_address_keeps_the_selection(opened, seeds) -> None:
    row = seeds.means[5]
    fragment = f"#p={row['recipe_hash'][:8]}&l=fc&x=stored_bytes&hide=prune&c={row['recipe_hash'][:8]}"
    page = opened(seeds, fragment=fragment)
    assert page.js("document.getElementById('pick-point').value") == "5"
    assert page.js("document.getElementById('pick-layer').value") == "2"
    assert page.js("document.getElementById('axis-x').value") == "stored_bytes"
    assert page.js("document.querySelector('[data-regime=prune]').ariaPressed") == "false"
    assert page.clean()


def test_axes_and_filters(opened, seeds) -> None:
    page = opened(seeds)
    marks = "document.querySelectorAll('#front-plot .scatterlayer .trace .points path').length"
    whole = page.js(marks)
    page.page.click("[data-regime=joint]")
    assert page.js(marks) < whole
    page.page.select_option("#axis-x", "latency_cycles")
    title = "document.querySelector('#front-plot .xtitle').textContent"
    assert page.js(title) == "cycles (thousand cycles, log scale)"
    page.page.click("#log-x")
    assert page.js(title) == "cycles (thousand cycles)"
    page.page.click("#only-front")
    assert "filtered out" in page.js("document.getElementById('front-note').textContent")
    assert page.clean()


def test_seeds_that_failed_and_spreads_are_told(shown, seeds) -> None:
    page = shown
    page.page.select_option("#pick-point", str(len(seeds.means) - 1))
    text = page.js("document.getElementById('readout').textContent")
    assert "2 of 3" in text
    assert "±" in text


def test_a_column_of_energies_has_one_unit(shown, seeds) -> None:
    heads = shown.js("[...document.querySelectorAll('.points thead th')].map((each) => each.innerText)")
    column = next(place for place, head in enumerate(heads) if head.startswith("energy, "))
    cells = shown.js(
        f"[...document.querySelectorAll('.points tbody tr')].map((row) => row.cells[{column}].innerText)"
    )
    unit = {"pJ": 1.0, "nJ": 1e3, "µJ": 1e6}[heads[column].split()[1]]
    energies = sorted(row["energy_pj"] / unit for row in seeds.means)
    means = [float(cell.split(" ± ")[0]) for cell in cells]
    assert means == pytest.approx(energies, rel=0.006)
    assert all(float(cell.split(" ± ")[1]) > 0 for cell in cells)


@pytest.mark.parametrize("name", ["one trial", "one far below", "costs nothing"])
def test_odd_studies_are_drawn(opened, make, name) -> None:
    page = opened(make(factories.odd_studies()[name]))
    page.draw_all()
    assert page.clean()


def test_an_empty_study_and_one_without_numbers(opened, make) -> None:
    page = opened(make([]))
    assert "No trial has finished yet." in page.js("document.body.textContent")
    assert page.clean()
    costless = [
        trial.model_copy(
            update={"accuracy": 0.0, "costs": (trial.costs[0].model_copy(update={"layers": ()}),)}
        )
        for trial in factories.study()[:3]
    ]
    page = opened(make(costless))
    page.draw_all()
    assert page.clean()


def test_numbers_that_are_none_are_drawn(opened, make) -> None:
    results = make(factories.study()[:5])
    for row in results.means:
        row["accuracy"] = row["energy_pj"] = row["accuracy_std"] = float("nan")
    lost = [trial.model_construct(**{**trial.__dict__, "accuracy": float("nan")}) for trial in results.trials]
    object.__setattr__(results, "trials", lost)
    object.__setattr__(results, "judge", None)
    page = opened(results)
    page.draw_all()
    assert page.clean()


def test_nothing_of_a_hostile_name_runs(opened, make) -> None:
    name = "<script>alert(1)</script><img src=x onerror=alert(2)><a href='javascript:alert(3)'>x</a>"
    trials = factories.study()[:4]
    recipe = trials[2].recipe.model_copy(update={"name": name})
    page = opened(make([*trials[:2], trials[2].model_copy(update={"recipe": recipe}), trials[3]]))
    page.page.select_option("#pick-point", "2")
    page.draw_all()
    assert page.js("document.querySelectorAll('main img, main a[href^=javascript], svg a').length") == 0
    assert name in page.js("document.getElementById('readout').textContent")
    assert page.clean()


def test_files_are_saved(shown, seeds) -> None:
    page = shown
    for kind in ("SVG", "PNG", "CSV", "JSON"):
        with page.page.expect_download() as caught:
            page.page.click(f"#front-controls button:text-is('{kind}')")
        content = Path(caught.value.path()).read_bytes()
        start = {"SVG": b"<svg", "PNG": b"\x89PNG", "CSV": b"name,regime", "JSON": b"{"}[kind]
        assert content.startswith(start)
        assert re.fullmatch(rf"demo-(front|study)\.{kind.lower()}", caught.value.suggested_filename)
    assert page.clean()


@pytest.mark.parametrize("width", [390, 2560])
def test_the_page_is_as_wide_as_the_window(opened, seeds, width) -> None:
    page = opened(seeds, width=width)
    page.draw_all()
    assert page.js("document.documentElement.scrollWidth") <= width


def test_a_figure_fills_its_sheet_in_every_window(shown, seeds) -> None:
    for width in (1280, 390, 1700, 1280):
        shown.page.set_viewport_size({"width": width, "height": 900})
        shown.wait(FILLS)


@pytest.mark.parametrize("width", [390, 1280, 2560])
def test_a_number_and_its_unit_stand_in_one_line(opened, seeds, width) -> None:
    page = opened(seeds, width=width)
    broken = page.js("""() => [...document.querySelectorAll('#readout dd, .tiles dd')]
      .filter((each) => each.getBoundingClientRect().height > 2 * parseFloat(getComputedStyle(each).fontSize))
      .map((each) => each.textContent)""")
    assert broken == []


@pytest.mark.parametrize("width", [390, 1280])
def test_numbers_of_an_axis_keep_apart(opened, seeds, width) -> None:
    page = opened(seeds, width=width)
    page.draw_all()
    met = page.js("""() => [...document.querySelectorAll('.plot .xaxislayer-above')].flatMap((axis) => {
      const boxes = [...axis.querySelectorAll('.xtick text')].map((each) => each.getBoundingClientRect())
        .filter((box) => box.width).sort((a, b) => a.left - b.left);
      return boxes.slice(1).filter((box, place) => box.left < boxes[place].right + 2).map((box) => box.left);
    })""")
    assert met == []


def test_the_table_has_its_columns_at_a_laptops_width(shown, seeds) -> None:
    wide = shown.js("document.querySelector('#table .points').offsetWidth")
    room = shown.js("document.querySelector('#table .scroll').clientWidth")
    assert wide <= room


def test_words_explain_themselves(shown, seeds) -> None:
    page = shown
    page.page.focus("#front-note .term")
    assert "no other network of this study" in page.js("document.getElementById('tip').textContent")
    page.page.keyboard.press("Escape")
    assert page.js("document.getElementById('tip').hidden")


@pytest.mark.slow
def test_five_thousand_points_stay_interactive(opened, many) -> None:
    paints = []
    while len(paints) < 5 and min(paints, default=9999) >= 1500:  # other processes delay a paint
        page = opened(many)
        paints.append(page.js("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    assert min(paints) < 1500, paints
    page.page.wait_for_timeout(1500)
    session = page.page.context.new_cdp_session(page.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})  # other processes add nothing to it
    before, places = busy(session), (17, 1234, 4321, 77, 2500)
    for place in places:
        page.js(f"""() => {{
          const picker = document.getElementById("pick-point");
          picker.value = "{place}";
          picker.dispatchEvent(new Event("change"));
          document.body.getBoundingClientRect();
        }}""")
    spent = (busy(session) - before) / len(places)
    print(f"first paint {min(paints):.0f} ms, a selection {1000 * spent:.0f} ms")
    assert spent < 0.1
    assert page.clean()


def busy(session) -> float:
    """Seconds of processor that the page took so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(each["value"] for each in metrics if each["name"] == "TaskDuration")
