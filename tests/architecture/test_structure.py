"""The house stands: imports fall, torch stays in its rooms, files and functions stay small."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import spareto

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "spareto"
TEXTS = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {path: ast.parse(text) for path, text in TEXTS.items()}
TORCH_FREE = (
    "core",
    "records",
    "hardware",
    "reproduction",
    "reports",
    "data",
    "formats",
    "native",
    "integer",
    "package",
    "runtime",
    "fpga",
    "export",
)
MOST_LINES, MOST_FUNCTION_LINES = 400, 60


def name(path):
    return str(path.relative_to(PACKAGE))


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def test_imports_fall(capsys, monkeypatch):
    monkeypatch.setattr("logging.config.dictConfig", lambda config: None)  # it would silence our own logger
    broken = lint_imports(str(ROOT / "pyproject.toml"), no_cache=True)
    assert not broken, capsys.readouterr().out


def test_importing_spareto_brings_nothing_that_takes_time():
    heavy = {"torch", "numpy", "pydantic", "scipy", "matplotlib", "rich", "yaml", "jinja2"}
    assert python(f"import sys, spareto; print({heavy} & set(sys.modules))") == "set()"


def test_no_module_of_the_torch_free_rooms_brings_torch_along():
    modules = [
        f"spareto.{'.'.join(path.relative_to(PACKAGE).with_suffix('').parts)}"
        for path in TEXTS
        if path.relative_to(PACKAGE).parts[0] in TORCH_FREE
    ]
    assert len(modules) > 20
    # which modules, one after the other, find torch imported once they are imported themselves
    code = f"""
import importlib, sys
print([name for name in {modules} if importlib.import_module(name) and "torch" in sys.modules])
"""
    assert python(code) == "[]"


def test_public_names_resolve():
    found = {public: getattr(spareto, public) for public in spareto.__all__}
    assert all(value is not None for value in found.values())
    assert len(spareto.__all__) == len(set(spareto.__all__))
    assert dir(spareto) == sorted(spareto.__all__)


def test_every_room_is_there_after_one_import():
    """`import spareto`, then `spareto.lowering`: what documentation writes works."""
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - set(spareto.__all__) == {"cli", "core", "native"}


def test_public_names_are_those_the_type_checker_sees():
    tree = TREES[PACKAGE / "__init__.py"]
    (checked,) = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    seen = {alias.asname or alias.name for node in checked.body for alias in node.names}
    assert seen | {"__version__"} == set(spareto.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'spareto' has no attribute 'compres'"):
        spareto.compres  # noqa: B018


def test_no_import_of_our_own_package_hides_in_a_function():
    """A command may: it imports what it needs when it runs."""
    hidden = [
        f"{name(path)}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in TREES.items()
        if path.relative_to(PACKAGE).parts[0] != "cli"
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom)) and "spareto" in ast.unparse(node)
    ]
    assert not hidden


def imported(path):
    """Our own modules that a file imports, those for type checkers alone too."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("spareto"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


MODULES = {
    ".".join(["spareto", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in TEXTS
}


def test_no_imports_form_a_ring():
    """Those that only type checkers follow count, too: a drawing of the house has no ring."""
    graph = {module: set(imported(path)) - {module} for module, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_files_stay_small():
    long = {name(path): len(text.splitlines()) for path, text in TEXTS.items()}
    assert not {path: lines for path, lines in long.items() if lines > MOST_LINES}


def test_functions_stay_small():
    long = [
        f"{name(path)}: {function.name} has {function.end_lineno - function.lineno + 1} lines"
        for path, tree in TREES.items()
        for function in functions(tree)
        if function.end_lineno - function.lineno >= MOST_FUNCTION_LINES
    ]
    assert not long


TWICE: dict[str, str] = {}
"""Class names that may stand twice, each with its reason."""

MODULE_OF = {path: module for module, path in MODULES.items()}

WRITES = {".write_text", ".write_bytes", ".mkdir", ".savez", ".savefig", "save_file"}
OWN_RULES = {"core/artifacts.py", "native/build.py", "native/cached.py"}
"""Files that are written by other rules: the one that writes for all, and a cache that one can do without."""


def test_whatever_writes_a_file_says_what_the_disk_says():
    """A function that writes does so inside `replacing` or `written`, which name file and cause."""
    bare = []
    for path, tree in TREES.items():
        for function in functions(tree) if name(path) not in OWN_RULES else ():
            calls = [each.func for each in ast.walk(function) if isinstance(each, ast.Call)]
            called = {f".{call.attr}" for call in calls if isinstance(call, ast.Attribute)}
            called |= {call.id for call in calls if isinstance(call, ast.Name)}
            if called & WRITES and not called & {"replacing", "written"}:
                bare.append(f"{name(path)}: {function.name} calls {sorted(called & WRITES)}")
    assert not bare, bare


def test_a_class_name_means_one_thing():
    """Names that other rooms may import are given once; a private one is its own file's."""
    places: dict[str, list[str]] = {}
    for path, tree in TREES.items():
        for each in ast.walk(tree):
            if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
                places.setdefault(each.name, []).append(name(path))
    twice = {each: where for each, where in places.items() if len(where) > 1 and each not in TWICE}
    assert not twice
    assert not {each for each in TWICE if len(places.get(each, ())) < 2}, "an exception that is none any more"


def test_no_function_hides_a_module():
    """A package that offers `convert` has no file `convert.py`, which could not be reached by its name."""
    hidden: list[str] = []
    for path, tree in TREES.items():
        if path.name == "__init__.py":
            inside = {each.stem for each in path.parent.glob("*.py")}
            own = MODULE_OF[path]
            given = (
                node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != own
            )
            hidden += [f"{own}.{each.name}" for node in given for each in node.names if each.name in inside]
    assert not hidden


def test_nothing_is_left_to_do():
    words = ("TODO", "FIXME", "XXX", "NotImplementedError")
    assert not [f"{name(path)}: {word}" for path, text in TEXTS.items() for word in words if word in text]


def test_subpackages_work_after_importing_spareto_alone():
    """`spareto.hardware.cost_grid` needs no second import, and torch comes only where it is used."""
    code = (
        "import sys, spareto; spareto.hardware.cost_grid; spareto.records.Recipe; spareto.recipes.dense; "
        "spareto.ConfigError; spareto.front; print('torch' in sys.modules); spareto.compression.compress"
    )
    assert python(code) == "False"
