"""Functions in a user's own Python, named as `my_code.py:build` or `package.module:build`."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from spareto.core.artifacts import fingerprint, folder_there, there
from spareto.core.errors import ConfigError, Problem, SparetoError, did_you_mean, one_of
from spareto.core.usererrors import cure_of, told
from spareto.core.userfiles import digest, imported_files, public_names
from spareto.core.userimport import importable, module_of, root_of

RULE = "FILE.py:NAME or MODULE:NAME"


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

    @cached_property
    def hash(self) -> str:
        """Fingerprint, taken once, of the name, its file, and every file beside it that the file imports.

        The folder does not matter, so a study may be moved.
        """
        root = root_of(self.path)
        files = [
            [path.relative_to(root).as_posix(), digest(path)] for path in imported_files(self.path, root)
        ]
        return fingerprint([self.name, files])

    def load(self) -> Callable[..., Any]:
        """Import the file, once, and return what the name stands for.

        Raises:
            ConfigError: The file cannot be imported, has no such name, or it is nothing to call.
        """
        return self._loaded

    @cached_property
    def _loaded(self) -> Callable[..., Any]:
        root = root_of(self.path)
        with self._explained("Python that can be imported"), importable(root):
            found: Any = module_of(self.path, root)
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
            option_place: How messages call them: `network.options`, or `--options` of a command.

        Raises:
            ConfigError: See `load`; or options are missing or unknown, or the call fails.
        """
        function = self.load()
        _refuse_misfits(function, options, self.place, option_place)
        with self._explained("a call that succeeds"), importable(root_of(self.path)):
            return function(**options)

    @contextmanager
    def running(self, rule: str) -> Generator[None]:
        """Run more of the user's code, such as `__getitem__`; its errors are told in a line.

        Raises:
            ConfigError: It fails.
        """
        with self._explained(rule), importable(root_of(self.path)):
            yield

    @contextmanager
    def _explained(self, rule: str) -> Generator[None]:
        try:
            yield
        except SparetoError:
            raise
        except (Exception, SystemExit) as error:
            got = told(error, root_of(self.path))
            raise ConfigError(Problem(self.place, got, rule, cure_of(error))) from None


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
            if there(path):
                return path.resolve()
    if not all(part.isidentifier() for part in left.split(".")):
        return None
    try:
        spec = importlib.util.find_spec(left)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and there(Path(spec.origin)) else None


def _not_found(place: str, left: str, folder: Path) -> Problem:
    if not left:
        return Problem(place, "no file", RULE, "Name the file, a colon, and the function in it.")
    parent = (folder / left).parent
    near = [path.stem for path in sorted(parent.glob("*.py"))] if folder_there(parent) else []
    wanted = Path(left).name.removesuffix(".py")
    is_path = "/" in left or "\\" in left or left.endswith(".py")
    got = f"no file {left}" if is_path else f"no file {left}.py and no module '{left}'"
    cure = did_you_mean(wanted, near) or f"Looked in {folder.resolve()}."
    return Problem(place, got, RULE, cure)


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
    """Whether a value is a network or a data set, where a function that makes one is wanted."""
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
        got, given = f"a function that needs {', '.join(missing)}", f"{{{shown}}}"
        cure = f'Add {option_place} "{given}".' if option_place[0] == "-" else f"Add {option_place}: {given}."
        raise ConfigError(Problem(place, got, "a value for each", cure))
    takes_any = any(each.kind is each.VAR_KEYWORD for each in values)
    unknown = [] if takes_any else [name for name in options if name not in known]
    rule = one_of(known) if known else "no option, for the function takes none"
    if unknown:
        raise ConfigError(
            Problem(f"{option_place}.{name}", "an unknown option", rule, did_you_mean(name, known))
            for name in unknown
        )
