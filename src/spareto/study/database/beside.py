"""What stands in a folder that holds no study: a cure that names it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from spareto.core.text import visible
from spareto.study.database.places import STORE_NAME

_LEARNT: Final = {"label", "neurons", "plan", "seed"}
"""Keys of a result of `spareto learn`."""
_NAMED = 6


def cure_of(folder: Path) -> str:
    """What to do where `folder` was taken for a run folder: name the study that was meant, if one is near."""
    if not folder.is_dir():
        return "Check the path, or run 'spareto study run' first."
    if (folder.parent / STORE_NAME).is_file():
        return f"This folder is a part of a run folder; name '{visible(str(folder.parent))}'."
    parts = sorted(each.parent.name for each in folder.glob(f"*/{STORE_NAME}"))
    if parts:
        names = visible(", ".join(parts[:_NAMED])) + (", ..." if len(parts) > _NAMED else "")
        return f"The folder holds studies of its own; name one of them: {names}."
    if any(_learnt(path) for path in sorted(folder.glob("*-seed*.json"))[:3]):
        return (
            "The folder holds results of 'spareto learn'. They have no recipes, so they are neither shown "
            "as a study nor compared with one; 'spareto learn STUDY.yaml' with the same --out prints them."
        )
    return "Check the path, or run 'spareto study run' first."


def _learnt(path: Path) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.keys() >= _LEARNT
