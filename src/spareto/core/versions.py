"""Which versions a result was made with."""

from __future__ import annotations

from importlib.metadata import version

from spareto._version import __version__


def versions() -> dict[str, str]:
    """Versions of what decides the numbers, as every manifest holds them."""
    return {"spareto": __version__, **{name: version(name) for name in ("torch", "numpy")}}
