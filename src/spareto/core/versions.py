"""Which versions a result was made with."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from spareto._version import __version__


def versions() -> dict[str, str]:
    """Versions of what decides the numbers, as every manifest holds them."""
    return {"spareto": __version__, **{name: _installed(name) for name in ("torch", "numpy")}}


@cache
def _installed(name: str) -> str:
    """Looked up once: it reads files."""
    return version(name)
