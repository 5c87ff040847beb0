"""Names in a user's Python: every spelling is found, every mistake is told in a line."""

import sys

import pytest

from spareto.core.errors import ConfigError
from spareto.core.usercode import beside, find_code

CODE = """
from helper import scale


def build(hidden, beta=0.9):
    return ("built", hidden, beta, scale)


class Net:
    def __init__(self, depth=2):
        self.depth = depth

    @classmethod
    def small(cls):
        return cls(1)


def raises():
    raise ValueError("two\\nlines")


def positional(hidden, /):
    return hidden


def anything(**options):
    return options


numbers = [1, 2, 3]
"""
SPELLINGS = ("mine.py:build", "./mine.py:build", "./mine:build", "mine:build", "{folder}/mine.py:build")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "helper.py").write_text("scale = 3\n")
    return tmp_path


def refusal(spelling, folder, options=None):
    with pytest.raises(ConfigError) as error:
        find_code(spelling, folder, "network").call(options or {}, "network.options")
    text = str(error.value)
    assert len(text.splitlines()) == len(error.value.problems)
    return text


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_finds_the_function(folder, spelling, monkeypatch):
    monkeypatch.chdir("/")
    code = find_code(spelling.format(folder=folder), folder, "network")
    assert code.call({"hidden": 7}, "network.options") == ("built", 7, 0.9, 3)


@pytest.mark.parametrize(
    "spelling", ["package.inner:build", "package/inner.py:build", "./package/inner:build"]
)
def test_a_module_of_a_package_may_import_its_neighbours(folder, spelling):
    package = folder / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "other.py").write_text("value = 5\n")
    (package / "inner.py").write_text("from .other import value\n\n\ndef build():\n    return value\n")
    assert find_code(spelling, folder, "network").call({}, "network.options") == 5


def test_an_installed_module_is_found(tmp_path):
    assert find_code("textwrap:dedent", tmp_path, "network").call({"text": " a"}, "network.options") == "a"


@pytest.mark.parametrize("name", ["code", "json", "statistics", "numpy"])
def test_a_file_may_have_the_name_of_another_module(tmp_path, name):
    (tmp_path / f"{name}.py").write_text("def build():\n    return 'mine'\n")
    before = sys.modules.get(name)
    assert find_code(f"{name}.py:build", tmp_path, "network").call({}, "network.options") == "mine"
    assert sys.modules.get(name) is before


def test_a_class_and_a_method_of_it_make_things_too(folder):
    assert find_code("mine.py:Net", folder, "network").call({"depth": 5}, "network.options").depth == 5
    assert find_code("mine.py:Net.small", folder, "network").call({}, "network.options").depth == 1


def test_two_folders_may_hold_files_of_one_name(tmp_path):
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "twin.py").write_text("import part\n\n\ndef build():\n    return part.number\n")
        (folder / "part.py").write_text(f"number = {number}\n")
    for number in (1, 2, 1):
        code = find_code("twin.py:build", tmp_path / str(number), "network")
        assert code.call({}, "network.options") == number


def test_a_changed_file_is_imported_again_but_not_under_way(folder):
    code = find_code("mine.py:build", folder, "network")
    first = code.hash
    assert code.call({"hidden": 1}, "network.options")[3] == 3
    (folder / "helper.py").write_text("scale = 4\n")
    assert (code.call({"hidden": 1}, "network.options")[3], code.hash) == (3, first)
    anew = find_code("mine.py:build", folder, "network")
    assert anew.call({"hidden": 1}, "network.options")[3] == 4
    assert anew.hash != first


def test_imports_inside_functions_find_the_folder(folder):
    (folder / "late.py").write_text("def build():\n    import helper\n    return helper.scale\n")
    assert find_code("late.py:build", folder, "network").call({}, "network.options") == 3


def test_the_fingerprint_sees_every_file_and_no_folder(folder, tmp_path_factory):
    def fingerprint(folder, name="build"):
        return find_code(f"mine.py:{name}", folder, "network").hash

    first = fingerprint(folder)
    moved = tmp_path_factory.mktemp("moved")
    for path in folder.glob("*.py"):
        (moved / path.name).write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert fingerprint(moved) == first
    assert fingerprint(folder, "Net") != first
    (folder / "other.py").write_text("not imported\n")
    assert fingerprint(folder) == first
    for name in ("mine.py", "helper.py"):
        text = (folder / name).read_text()
        (folder / name).write_text(text + "more = 1\n")
        assert fingerprint(folder) != first
        (folder / name).write_text(text)
    assert fingerprint(folder) == first


def test_a_path_is_told_from_the_working_directory(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    relative = folder.relative_to(folder.parent)
    assert beside("mine:build", relative, "network") == f"{relative}/mine.py:build"


RULE = "expected FILE.py:NAME or MODULE:NAME."
MISTAKES = [
    ("mine.py", "got no name behind the file; " + RULE + " mine.py has build, raises, positional, anything,"),
    ("mine", "Write mine:build."),
    ("mine.py:", "Write mine.py:build."),
    ("mien.py:build", f"got no file mien.py; {RULE} Did you mean 'mine'?"),
    ("nowhere.deep:build", "got no file nowhere.deep.py and no module 'nowhere.deep'"),
    (":build", "got no file; "),
    ("", "got no file; "),
    ("mine.py:biuld", "got no 'biuld' in mine.py; expected one of build,"),
    ("mine.py:biuld", "Did you mean 'build'?"),
    ("mine.py:Net.tiny", "got no 'Net.tiny' in mine.py"),
    ("mine.py:two words", "got 'two words'; expected the name of a function or class."),
    ("mine.py:numbers", "got a list that is made already; expected a function or class that makes one."),
    ("mine.py:build", "got a function that needs hidden; expected a value for each."),
    ("mine.py:build", "Add network.options: {hidden: ...}."),
    ("mine.py:positional", "got a parameter before '/'"),
    ("mine.py:raises", "got ValueError in mine.py, line 19: two lines; expected a call that succeeds."),
    ("wrong.py:build", "got SyntaxError in wrong.py, line 1: "),
    ("lacking.py:build", "got ModuleNotFoundError in lacking.py, line 1: No module named 'nowhere_at_all'"),
    ("lacking.py:build", "Install 'nowhere_at_all', or put it beside the file."),
    ("script.py:build", "got a program that ends itself in script.py, line 2 (SystemExit)"),
    ("notebook.ipynb:build", "got a '.ipynb' file; " + RULE + " Put the function into a .py file."),
    ("C:\\here\\mine.py:build", "got no file C:\\here\\mine.py"),
    ("..:build", "got no file"),
]


@pytest.mark.parametrize(("spelling", "told"), MISTAKES)
def test_a_mistake_is_told_in_a_line(folder, spelling, told):
    (folder / "wrong.py").write_text("def build(:\n")
    (folder / "lacking.py").write_text("import nowhere_at_all\n")
    (folder / "script.py").write_text("import sys\nsys.exit(3)\n")
    (folder / "notebook.ipynb").write_text("{}")
    assert told in refusal(spelling, folder)


def test_unknown_options_are_told_with_the_nearest(folder):
    text = refusal("mine.py:build", folder, {"hidden": 1, "bta": 2})
    assert text == (
        "network.options.bta: got an unknown option; expected one of hidden, beta. Did you mean 'beta'?"
    )
    code = find_code("mine.py:anything", folder, "network")
    assert code.call({"any": 1}, "network.options") == {"any": 1}
