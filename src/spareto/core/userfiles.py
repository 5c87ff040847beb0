"""What a user's Python file is made of, read without running it."""

from __future__ import annotations

import ast
import hashlib
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from spareto.core.artifacts import there


def digest(path: Path) -> str:
    """SHA-256 of a file, shortened; of a text with Windows line ends that of the same text without."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        if path.suffix == ".py":
            state.update(stream.read().replace(b"\r\n", b"\n"))
        else:
            while block := stream.read(1 << 20):
                state.update(block)
    return state.hexdigest()[:16]


def public_names(path: Path) -> list[str]:
    """Functions and classes at the top of a file, functions first."""
    found = [node for node in _tree(path).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    names = [node.name for node in sorted(found, key=lambda node: isinstance(node, ast.ClassDef))]
    return [name for name in names if not name.startswith("_")]


def imported_files(path: Path, root: Path) -> list[Path]:
    """The file, and every file below `root` that it imports, at any depth; sorted.

    Of an installed package, only its own files: what else is installed is told by its version.
    """
    installed = root in {Path(place).resolve() for place in sysconfig.get_paths().values()}
    root_of_all = root / path.relative_to(root).parts[0] if installed else root
    known: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in known:
            known.add(file)
            waiting += _packages(file, root)
            waiting += [found for found in _imports(file, root) if found.is_relative_to(root_of_all)]
    return sorted(known)


def _packages(path: Path, root: Path) -> Iterator[Path]:
    """The `__init__.py` of the packages a file is in, which importing it runs first."""
    for folder in path.parents:
        if folder == root or not folder.is_relative_to(root):
            return
        if there(folder / "__init__.py"):
            yield folder / "__init__.py"


def _imports(path: Path, root: Path) -> Iterator[Path]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(root, alias.name)
        elif isinstance(node, ast.ImportFrom):
            start = root
            for climbed in range(node.level):
                start = path.parent if climbed == 0 else start.parent
            yield from _files(start, node.module or "")
            for alias in node.names:
                yield from _files(start, f"{node.module}.{alias.name}" if node.module else alias.name)


def _files(start: Path, dotted: str) -> Iterator[Path]:
    """The files that importing a dotted name runs, as far as they lie below `start`."""
    place = start
    for part in dotted.split(".") if dotted else ():
        place = place / part
        for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
            if there(file):
                yield file.resolve()
    if not dotted and there(start / "__init__.py"):
        yield (start / "__init__.py").resolve()


def _tree(path: Path) -> ast.Module:
    """The file's syntax; nothing where it is none, which importing will tell."""
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])
