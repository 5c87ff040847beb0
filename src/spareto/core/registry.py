"""Find plug-ins by file name: adding a variant is adding one file.

`registry.names()` lists the files of a folder without importing them, `registry.get("magnitude")` imports
exactly `magnitude.py` and returns the one concrete class it defines. Third parties add names with an entry
point in the group named like the package (`spareto.pruners`).
"""

from __future__ import annotations

import importlib
import inspect
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from spareto.core.constructors import problems_with
from spareto.core.errors import ConfigError, Problem, UnknownName, did_you_mean, one_of
from spareto.core.text import shown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Base = TypeVar("Base")


class Registry(Generic[Base]):
    """The plug-ins of one package: every public `.py` file in it, and every entry point of its group.

    Args:
        package: Dotted name of the folder, `spareto.pruners`; also the entry point group.
        base: The abstract class every variant derives from.
        kind: What one variant is called in messages: `pruner`.
    """

    def __init__(self, package: str, base: type[Base], kind: str) -> None:
        self.package, self.base, self.kind = package, base, kind

    def names(self) -> tuple[str, ...]:
        """Names of all variants, sorted, found without importing any of them."""
        return tuple(sorted({*_files(self.package), *_entry_points(self.package)}))

    def get(self, name: object) -> type[Base]:
        """Return the class called `name`.

        Raises:
            UnknownName: No file and no entry point has that name.
        """
        if isinstance(name, str) and name in _files(self.package):
            return self._only_class(f"{self.package}.{name}")
        point = _entry_points(self.package).get(name) if isinstance(name, str) else None
        if point is None:
            raise UnknownName(
                Problem(self.kind, shown(name), one_of(self.names()), did_you_mean(name, self.names()))
            )
        return point.load()

    def make(self, name: str, where: str = "", /, **options: Any) -> Base:
        """Return `get(name)(**options)`.

        Args:
            name: Name of the variant.
            where: Path of its options in error messages; left out, `pruner 'magnitude'`.
            options: What its constructor takes.

        Raises:
            UnknownName: No file and no entry point has that name.
            ConfigError: The constructor takes no such option, needs one that is missing, or is given a value
                that its annotation does not allow; names every one.
        """
        cls, place = self.get(name), where or f"{self.kind} '{name}'"
        if problems := problems_with(cls, place, f"{self.kind} '{name}'", options):
            raise ConfigError(problems)
        return cls(**options)

    def _only_class(self, module_name: str) -> type[Base]:
        module = importlib.import_module(module_name)
        found = [
            value
            for value in vars(module).values()
            if inspect.isclass(value)
            and issubclass(value, self.base)
            and value.__module__ == module_name
            and not inspect.isabstract(value)
            and not value.__name__.startswith("_")
        ]
        if len(found) != 1:
            names = ", ".join(cls.__name__ for cls in found) or "none"
            raise TypeError(
                f"{module_name}: got {names}; expected exactly one concrete {self.base.__name__}."
            )
        return found[0]


@cache
def _files(package: str) -> tuple[str, ...]:
    folders = importlib.import_module(package).__path__
    return tuple(
        sorted(
            path.stem
            for folder in folders
            for path in Path(folder).glob("*.py")
            if not path.stem.startswith("_")
        )
    )


@cache
def _entry_points(package: str) -> dict[str, EntryPoint]:
    """Looked up once: it reads a file of every distribution that is installed."""
    from importlib.metadata import entry_points  # slow to import, and built-in names need none

    return {point.name: point for point in entry_points(group=package)}
