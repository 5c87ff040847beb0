"""Pages of the site that follow from the code: the public names, the commands, the keys of YAML files."""

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import spareto
from spareto.cli import app
from spareto.hardware import Accelerator
from spareto.records import Recipe
from spareto.study.config import StudyConfig

SCHEMAS = {"study": StudyConfig, "recipe": Recipe, "accelerator": Accelerator}
WHAT = {
    "study": "A study: one network on one data set, many recipes, one accelerator.",
    "recipe": "A recipe: the plan by which one network is compressed.",
    "accelerator": "An accelerator of the kind `array`; the built-in ones are examples.",
}


LIMITS = {
    "minimum": "from {}",
    "exclusiveMinimum": "above {}",
    "maximum": "to {}",
    "exclusiveMaximum": "below {}",
}
ROOT = Path(__file__).parents[1]
BESIDE = re.compile(r"\]\((?:\.\./)+((?:src|examples)/[^)#]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages; mkdocs calls this with the files it found."""
    pages = {"reference/python.md": python_page(), "reference/commands.md": commands_page()}
    pages["reference/yaml.md"] = yaml_page()
    for name, schema in SCHEMAS.items():
        pages[f"reference/{name}.schema.json"] = json.dumps(schema.model_json_schema(), indent=1)
    for page in files.documentation_pages():
        for path in BESIDE.findall(page.content_string):
            pages[f"files/{path}"] = (ROOT / path).read_text(encoding="utf-8")
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links to files beside `docs/` lead to copies in the site; on a code host they lead to the files."""
    up = "../" * page.file.src_uri.count("/")
    return BESIDE.sub(lambda found: f"]({up}files/{found[1]})", markdown)


def python_page() -> str:
    """Every public name, rendered from its docstring."""
    names = [name for name in spareto.__all__ if not name.startswith("__")]
    parts = [f"::: spareto.{name}\n" for name in sorted(names, key=str.lower)]
    return "# Python\n\nEverything that `import spareto` gives.\n\n" + "\n".join(parts)


def commands_page() -> str:
    """Every command with its options, from the command line itself."""
    return app.generate_docs(output_format="markdown", recursive=True, heading_level=1)


def yaml_page() -> str:
    """Every key of the YAML files, from the schemas that check them."""
    lines = ["# YAML keys", "", "Editors complete and check these files with the JSON Schemas.", ""]
    for name, schema in SCHEMAS.items():
        found = schema.model_json_schema()
        lines += [f"## {name}", "", WHAT[name], "", f"[{name}.schema.json]({name}.schema.json)", ""]
        lines += _keys(found)
        for part, inner in found.get("$defs", {}).items():
            if inner.get("properties"):
                lines += [f"### {name}: {part}", "", _first(inner), "", *_keys(inner)]
    return "\n".join(lines)


def _keys(schema: dict[str, Any]) -> list[str]:
    needed, rows = schema.get("required", []), ["| key | value | default |", "|---|---|---|"]
    for key, entry in schema.get("properties", {}).items():
        default = "needed" if key in needed else f"`{json.dumps(entry.get('default'), ensure_ascii=False)}`"
        if len(default) > 60:
            default = "see its keys"
        rows.append(f"| `{key}` | {_type(entry)} | {default} |".replace("\n", " "))
    return [*rows, ""]


def _type(entry: dict[str, Any]) -> str:
    """What a value may be, in words."""
    if "$ref" in entry:
        return entry["$ref"].rpartition("/")[2]
    if choices := entry.get("anyOf") or entry.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(each) for each in choices))
    if "enum" in entry:
        return ", ".join(f"`{each}`" for each in entry["enum"])
    if "const" in entry:
        return f"`{entry['const']}`"
    if entry.get("type") == "array":
        return f"list of {_type(entry.get('items', {}))}"
    found = [text.format(entry[name]) for name, text in LIMITS.items() if name in entry]
    return " ".join([entry.get("type", "any value"), *found])


def _first(schema: dict[str, Any]) -> str:
    return schema.get("description", "").partition("\n\n")[0].replace("\n", " ")
