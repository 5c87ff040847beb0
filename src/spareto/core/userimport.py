"""Import a user's Python file by its path, as if Python had been started in its folder."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from spareto.core.artifacts import fingerprint, there
from spareto.core.userfiles import digest, imported_files

_LOADED: dict[str, str] = {}
"""Modules that came from users' folders, by name, and the fingerprint of the file they were made of."""
_ROOTS: set[Path] = set()
"""Folders of users' code that imports look into."""


def root_of(path: Path) -> Path:
    """The folder imports start from: above the outermost package the file is in."""
    folder = path.parent
    while there(folder / "__init__.py") and folder.parent != folder:
        folder = folder.parent
    return folder


@contextmanager
def importable(root: Path) -> Generator[None]:
    """Let imports look into `root` first; afterwards it comes last, for imports inside functions."""
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))
        if str(root) not in sys.path:
            sys.path.append(str(root))
            _ROOTS.add(root)


def module_of(path: Path, root: Path) -> ModuleType:
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
