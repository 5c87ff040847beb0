"""One line on each word of the page that a reader may not know."""

from __future__ import annotations

from importlib.resources import files

import yaml

from spareto.hardware import Chip


def terms(chip: Chip | None) -> dict[str, str]:
    """Explanations by word; the parts of the study's accelerator explain themselves."""
    text = (files("spareto.reports") / "terms.yaml").read_text(encoding="utf-8")
    found: dict[str, str] = {str(name): str(about) for name, about in yaml.safe_load(text).items()}
    for part in chip.parts if chip else ():
        about = str(getattr(part, "about", "") or getattr(part, "kind", ""))
        if about:
            found[part.name] = f"Part of the accelerator: {about}."
    return found
