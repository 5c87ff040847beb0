"""Packages that come with an extra, and are imported where they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from spareto.core.errors import MissingDependency, Problem


def imported(package: str, where: str, got: str, rule: str, cure: str) -> Any:
    """A package, imported.

    Raises:
        MissingDependency: It is not installed; what is told of it are the other arguments.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise MissingDependency(Problem(where, got, rule, cure)) from None
