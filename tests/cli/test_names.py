"""Names of any kind in terminal, page, figures and paths: as they are, or with something in their place."""

import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

import factories
from spareto.cli.console import Console
from spareto.cli.front import print_front
from spareto.core.errors import ConfigError
from spareto.records import Recipe
from spareto.reports.figures.style import name_text
from spareto.reports.results import StudyResults
from spareto.reports.write import write_files
from spareto.study.folder import RunFolder
from spareto.study.front import front_rows, mean_rows
from spareto.study.store import TrialStore

NAMES = {
    "terminal markup": "[red]a[/red] [link=x]",
    "unclosed markup": "[/bold] [",
    "emoji": ":smile: a",
    "formula": r"$\frac{a}{$ a_b^c",
    "one dollar": "costs 5 $",
    "escape codes": "a\x1b[31mred\x1b]0;title\x07",
    "control characters": "a\rb\x00c\x08\x7f\x9b2J",
    "turned around": "abc\u202efdp.exe",
    "page": "<script>alert(1)</script>&\"'",
    "template": "{{ 7 * 7 }} {% raw %}",
    "long": "n" * 300,
    "leading underscore": "_hidden",
    "lines": "two\nlines\tand",
    "empty": "",
    "path": "../../etc/passwd",
    "half a character": "a\ud800b",
}
HALF = "half a character"  # which no record holds
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


@pytest.mark.parametrize("kind", NAMES)
def test_the_console_shows_a_name_as_it_is(kind):
    name, stream = NAMES[kind], io.StringIO()
    Console(file=stream, width=500, force_terminal=True, color_system=None).print(name, soft_wrap=True)
    shown = stream.getvalue()
    assert not CONTROL.search(shown.replace("\n", ""))
    if name.isprintable():
        assert shown == name + "\n"


@pytest.mark.parametrize("kind", NAMES)
def test_a_figure_shows_no_formula(kind):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot([0, 1], label=name_text(NAMES[kind] or "x"))
    legend = axes.legend()
    for target in ("svg", "png", "pdf"):
        figure.savefig(io.BytesIO(), format=target)
    for text in legend.get_texts():
        assert not text.get_text().startswith("_")
        assert "$" not in text.get_text().replace(r"\$", "")
        assert len(text.get_text()) <= 40
    assert len(legend.get_texts()) == 1


def test_no_record_holds_half_a_character():
    with pytest.raises(ConfigError, match="whole characters"):
        Recipe(name=NAMES[HALF])


@pytest.mark.parametrize("kind", sorted(NAMES.keys() - {HALF}))
def test_a_recipe_of_that_name_has_its_files_in_the_run_folder(kind, tmp_path):
    folder = RunFolder(tmp_path)
    recipe = Recipe(name=NAMES[kind]) if NAMES[kind] else Recipe()
    trial = factories.trial(recipe)
    for kind_of_file in ("network", "workload"):
        old = folder.file(kind_of_file, trial)
        digest = folder.keep(kind_of_file, recipe, 0, lambda path: path.write_text("x"))
        artifacts = {kind_of_file: digest}
        kept = folder.file(kind_of_file, trial.replace(manifest=trial.manifest.replace(artifacts=artifacts)))
        assert kept.read_text() == "x"
        for path in (old, kept):
            assert path.parent.parent == tmp_path
            assert len(path.name) < 150


def renamed(name):
    """A small study in which everything has that name, as far as nothing else hangs on it."""
    for number, trial in enumerate(factories.study()[:3]):
        data = trial.to_dict()
        data["recipe"]["name"] = f"{name}{number}" if name else ""
        data["layers"][0]["name"] = name
        for cost in data["costs"]:
            cost["accelerator"] = name
            cost["layers"][0]["name"] = name
        yield type(trial).parse(data, "trial")


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("kind", sorted(NAMES.keys() - {HALF}))
def test_a_study_full_of_that_name_is_shown(kind, tmp_path, capsys, monkeypatch):
    """In the terminal's table, in the page and in every figure."""
    name = NAMES[kind]
    trials = list(renamed(name))
    with TrialStore.of(tmp_path, read_only=False) as store:
        for number, trial in enumerate(trials):
            store.put(f"key {number}", trial)
        store.set_meta(study=name, network=name, dataset=name, accelerator=name)
    monkeypatch.setenv("COLUMNS", "200")
    print_front(tmp_path)
    said = capsys.readouterr().out
    assert not CONTROL.search(said.replace("\n", ""))
    if 0 < len(name) < 30 and name.isprintable():
        assert name in said
    meta = {"study": name, "network": name, "dataset": name, "accelerator": name}
    paths = write_files(StudyResults(trials, front_rows(trials), mean_rows(trials), meta), tmp_path)
    page = paths.report.read_text()
    scripts, plain = Scripts(page), Scripts(write_plain(tmp_path))
    for library in plain.code:  # what stands in every page may hold anything
        page = page.replace(library, "")
    assert not CONTROL.search(page.replace("\n", ""))
    assert len(scripts.found) == len(plain.found)
    for figure in paths.figures:
        if figure.suffix == ".svg":
            ElementTree.parse(figure)


def write_plain(folder):
    trials = factories.study()[:3]
    results = StudyResults(trials, front_rows(trials), mean_rows(trials), {})
    return write_files(results, folder / "plain").report.read_text()


class Scripts(HTMLParser):
    """The scripts of a page, of which data must be JSON."""

    def __init__(self, page):
        super().__init__()
        self.found, self.code, self.inside = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.inside = tag == "script"
        if self.inside:
            self.found.append(dict(attrs).get("type"))

    def handle_data(self, data):
        if self.inside and self.found[-1] == "application/json":
            json.loads(data)
        elif self.inside:
            self.code.append(data)
        self.inside = False
