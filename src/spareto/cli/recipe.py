"""`spareto recipe`: what recipe files look like."""

from __future__ import annotations

import json


def schema() -> None:
    """Print the JSON Schema of recipe files, for editors that check and complete YAML."""
    from spareto.compression.schema import recipe_schema

    print(json.dumps(recipe_schema(), indent=1, ensure_ascii=False))
