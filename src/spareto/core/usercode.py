"""Functions in a user's own Python, named as `my_code.py:build` or `package.module:build`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from spareto.core.artifacts import fingerprint
from spareto.core.errors import ConfigError, Problem, SparetoError, did_you_mean, one_of
from spareto.core.userfiles import digest, imported_files, public_names

RULE = "FILE.py:NAME or MODULE:NAME"
_LOADED: dict[str, str] = {}
"""Modules that came from users' folders, by name, and the fingerprint of the file they were made of."""
_ROOTS: set[Path] = set()
"""Folders of users' code that imports look into."""


@dataclass(frozen=True)
class Code:
    """A name in a user's Python; nothing is imported before `load`.

    Args:
        spelling: As the user wrote it.
        where: What it is, in messages: `network`.
        path: The file it stands in.
        name: The name in that file; dots go into classes.
    """

    spelling: str
    where: str
    path: Path
    name: str

    @property
    def place(self) -> str:
        """How messages begin: `network 'my_code.py:build'`."""
        return f"{self.where} '{self.spelling}'"

    @property
    def hash(self) -> str:
        """Fingerprint of the name, its file, and every file beside it that the file imports.

        The folder does not matter, so a study may be moved.
        """
        root = _root(self.path)
        files = [
            [path.relative_to(root).as_posix(), digest(path)] for path in imported_files(self.path, root)
        ]
        return fingerprint([self.name, files])

    def load(self) -> Callable[..., Any]:
        """Import the file and return what the name stands for.

        Raises:
            ConfigError: The file cannot be imported, has no such name, or it is nothing to call.
        """
        root = _root(self.path)
        with self._explained("Python that can be imported"), _importable(root):
            found: Any = _module(self.path, root)
            module = found
        for part in self.name.split("."):
            found = getattr(found, part, None)
        if found is None:
            cure = did_you_mean(self.name, _callables(module)) or "Check the name."
            got, rule = f"no '{self.name}' in {self.path.name}", one_of(_callables(module) or ["none"])
            raise ConfigError(Problem(self.place, got, rule, cure))
        if not callable(found) or _is_made_already(found):
            got, cure = f"a {type(found).__name__}", "Write a function that makes and returns it."
            if _is_made_already(found):
                got = f"a {type(found).__name__} that is made already"
            raise ConfigError(Problem(self.place, got, "a function or class that makes one", cure))
        return found

    def call(self, options: Mapping[str, Any], option_place: str) -> Any:
        """Load it and call it with options by name.

        Args:
            options: Keyword arguments.
            option_place: How messages call them: `network.options`.

        Raises:
            ConfigError: See `load`; or options are missing or unknown, or the call fails.
        """
        function = self.load()
        _refuse_misfits(function, options, self.place, option_place)
        with self._explained("a call that succeeds"), _importable(_root(self.path)):
            return function(**options)

    @contextmanager
    def running(self, rule: str) -> Generator[None]:
        """Run more of the user's code, such as `__getitem__`; its errors are told in a line.

        Raises:
            ConfigError: It fails.
        """
        with self._explained(rule), _importable(_root(self.path)):
            yield

    @contextmanager
    def _explained(self, rule: str) -> Generator[None]:
        try:
            yield
        except SparetoError:
            raise
        except (Exception, SystemExit) as error:
            got = _told(error, _root(self.path))
            raise ConfigError(Problem(self.place, got, rule, _cure(error))) from None


def find_code(spelling: str, folder: Path, where: str) -> Code:
    """Find the file a spelling means; a path is relative to `folder`, whatever the working directory.

    Args:
        spelling: `my_code.py:build`, `./my_code:build`, `package.module:build`, `package/module.py:build`.
        folder: Where relative paths begin.
        where: What is looked for, in messages: `network`.

    Raises:
        ConfigError: No name is given, or there is no such file or module.
    """
    place = f"{where} {spelling!r}"
    left, name = _parts(spelling)
    path = _file(left, folder) if left else None
    if path is not None and name and not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(Problem(place, repr(name), "the name of a function or class", "Check the name."))
    if path is None:
        raise ConfigError(_not_found(place, left, folder))
    if path.suffix != ".py":
        cure = "Put the function into a .py file." if path.suffix == ".ipynb" else "Name a .py file."
        raise ConfigError(Problem(place, f"a '{path.suffix}' file", RULE, cure))
    if not name:
        names = public_names(path)
        cure = f"{path.name} has {', '.join(names)}. Write {left}:{names[0]}." if names else "Add the name."
        raise ConfigError(Problem(place, "no name behind the file", RULE, cure))
    return Code(spelling, where, path, name)


def beside(spelling: str, folder: Path, where: str) -> str:
    """The same name with its file as a path from the working directory; see `find_code`."""
    code = find_code(spelling, folder, where)
    inside = code.path.is_relative_to(folder.resolve())
    path = folder / code.path.relative_to(folder.resolve()) if inside else code.path
    return f"{path}:{code.name}"


def _parts(spelling: str) -> tuple[str, str]:
    """The file and the name; a colon behind a Windows drive letter is no separator."""
    left, colon, name = spelling.rpartition(":")
    if not colon or "/" in name or "\\" in name:
        return spelling, ""
    return left, name


def _file(left: str, folder: Path) -> Path | None:
    """The file that `my_code.py`, `./my_code`, `package/module` or `package.module` means."""
    given = folder / Path(left.replace("\\", "/")).expanduser()
    dotted = folder / left.replace(".", "/")
    for place in (given, dotted):
        for path in (place, Path(f"{place}.py"), place / "__init__.py"):
            if path.is_file():
                return path.resolve()
    if not all(part.isidentifier() for part in left.split(".")):
        return None
    try:
        spec = importlib.util.find_spec(left)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and Path(spec.origin).is_file() else None


def _not_found(place: str, left: str, folder: Path) -> Problem:
    if not left:
        return Problem(place, "no file", RULE, "Name the file, a colon, and the function in it.")
    parent = (folder / left).parent
    near = [path.stem for path in sorted(parent.glob("*.py"))] if parent.is_dir() else []
    wanted = Path(left).name.removesuffix(".py")
    is_path = "/" in left or "\\" in left or left.endswith(".py")
    got = f"no file {left}" if is_path else f"no file {left}.py and no module '{left}'"
    cure = did_you_mean(wanted, near) or f"Looked in {folder.resolve()}."
    return Problem(place, got, RULE, cure)


def _root(path: Path) -> Path:
    """The folder imports start from: above the outermost package the file is in."""
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder


@contextmanager
def _importable(root: Path) -> Generator[None]:
    """Let imports look into `root` first; afterwards it comes last, for imports inside functions."""
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))
        if str(root) not in sys.path:
            sys.path.append(str(root))
            _ROOTS.add(root)


def _module(path: Path, root: Path) -> ModuleType:
    """Import a file; a second time only if it, or one that it imports, has changed."""
    files = {_dotted(each, root): each for each in imported_files(path, root)}
    if any(_LOADED.get(name) != _state(each) for name, each in files.items()):
        for name in files:
            if _LOADED.pop(name, None) is not None:
                sys.modules.pop(name, None)
    importlib.invalidate_caches()
    others = frozenset(sys.modules)  # what was there before us is not ours to import again
    module = _import(_dotted(path, root), path, root)
    ours = {name: each for name, each in files.items() if name not in others and _is_from(name, each)}
    _LOADED.update({name: _state(each) for name, each in ours.items()})
    return module


def _import(name: str, path: Path, root: Path) -> ModuleType:
    """Import by name, unless the name is that of another module; then by path."""
    top = name.partition(".")[0]
    elsewhere = [place for place in sys.path if Path(place or ".").resolve() not in (root, *_ROOTS)]
    taken = top in sys.stdlib_module_names or PathFinder.find_spec(top, elsewhere) is not None
    if _is_from(name, path) or not (taken or name in sys.modules):
        return importlib.import_module(name)
    own = f"{path.stem}_{fingerprint(str(path), 8)}"
    spec = importlib.util.spec_from_file_location(own, path)
    if spec is None or spec.loader is None:  # a .py file always has both
        raise ImportError(f"no way to import {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[own] = module
    spec.loader.exec_module(module)
    return module


def _is_from(name: str, path: Path) -> bool:
    """Whether a module is loaded, and from this file."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and Path(file).resolve() == path


def _dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _state(path: Path) -> str:
    return fingerprint([str(path), digest(path)])


def _callables(module: ModuleType) -> list[str]:
    """Names of the module's own functions and classes, functions first."""
    found = [
        name
        for name, value in vars(module).items()
        if (inspect.isroutine(value) or inspect.isclass(value))
        and not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
    ]
    return sorted(found, key=lambda name: inspect.isclass(vars(module)[name]))


def _is_made_already(found: Any) -> bool:
    """A network or a data set can be called or indexed; what we ask for is what makes one."""
    made = hasattr(found, "parameters") or hasattr(found, "__getitem__")
    return made and not inspect.isclass(found) and not inspect.isroutine(found)


def _refuse_misfits(
    function: Callable[..., Any], options: Mapping[str, Any], place: str, option_place: str
) -> None:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in C: the call itself will tell
        return
    values = parameters.values()
    if any(each.kind is each.POSITIONAL_ONLY and each.default is each.empty for each in values):
        rule = "parameters that can be given by name"
        raise ConfigError(Problem(place, "a parameter before '/'", rule, "Remove the '/'."))
    named = [each for each in values if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    known = [each.name for each in named]
    missing = [each.name for each in named if each.default is each.empty and each.name not in options]
    if missing:
        shown = ", ".join(f"{name}: ..." for name in missing)
        got, cure = f"a function that needs {', '.join(missing)}", f"Add {option_place}: {{{shown}}}."
        raise ConfigError(Problem(place, got, "a value for each", cure))
    takes_any = any(each.kind is each.VAR_KEYWORD for each in values)
    unknown = [] if takes_any else [name for name in options if name not in known]
    rule = one_of(known) if known else "no option, for the function takes none"
    if unknown:
        raise ConfigError(
            Problem(f"{option_place}.{name}", "an unknown option", rule, did_you_mean(name, known))
            for name in unknown
        )


def _told(error: BaseException, root: Path) -> str:
    """An error in a line: `ValueError in my_code.py, line 7: two channels`."""
    if isinstance(error, SystemExit):
        return f"a program that ends itself{_line_of(error.__traceback__, root)} (SystemExit)"
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__} in {Path(error.filename).name}, line {error.lineno}: {error.msg}"
    return f"{type(error).__name__}{_line_of(error.__traceback__, root)}" + (
        f": {text[:300]}" if text else ""
    )


def _line_of(trace: TracebackType | None, root: Path) -> str:
    found = ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(root) and "site-packages" not in file.parts:
            found = f" in {file.name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _cure(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"Install '{error.name}', or put it beside the file."
    if isinstance(error, SystemExit):
        return "Put what a script does under: if __name__ == '__main__':"
    return "Mend that line."
