"""Put the page together: the finding as text, the data, two scripts, and a policy that lets no other run."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from spareto.core.amounts import file_size, percent
from spareto.core.text import visible
from spareto.reports.findings import findings
from spareto.reports.headline import Headline, difference, headline, times_less
from spareto.reports.page.content import content, packed
from spareto.reports.provenance import counted, meta_line, not_counted, provenance
from spareto.reports.results import StudyResults

SCRIPTS: Final = (
    *("core", "format", "dom", "state", "plots", "labels", "front", "table", "point", "cost"),
    *("layers", "samples", "formats", "hardware", "compare", "export", "start"),
)
"""The page's own scripts, in the order they run; together they are one."""

STYLES: Final = ("base", "parts", "views", "print")


def render(results: StudyResults, live: str = "") -> str:
    """The page; equal results give equal text.

    Args:
        results: What it shows.
        live: Where the page asks for newer data while a study runs; a path of the server that serves it.
            Empty for a file, which then may open no connection at all.
    """
    environment = Environment(
        loader=PackageLoader("spareto.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.get_template("report.html.j2").render(_context(results, live))


def library() -> str:
    """The plotting library, from the installed `plotly` package."""
    return (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


@cache
def _inline(kind: str) -> str:
    """A script of the page as it stands between its tags."""
    if kind == "library":
        return library().replace("</script", "<\\/script")
    folder = files("spareto.reports") / "templates" / "js"
    parts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join(['"use strict";', "(() => {", *parts, "})();", ""])


@cache
def _styles() -> str:
    folder = files("spareto.reports") / "templates" / "css"
    return "\n".join((folder / f"{name}.css").read_text(encoding="utf-8") for name in STYLES)


@cache
def _allowed(kind: str) -> str:
    """How a policy names a script by its content."""
    digest = hashlib.sha256(_inline(kind).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def policy(live: str = "") -> str:
    """What the page may do: run its two scripts, draw, save files; with `live`, send to its own server."""
    connect = "'self'" if live else "'none'"
    return (
        f"default-src 'none'; script-src {_allowed('library')} {_allowed('page')}; "
        f"style-src 'unsafe-inline'; img-src data: blob:; connect-src {connect}; "
        "base-uri 'none'; form-action 'none'"
    )


def _shown(value: Any) -> Any:
    """What a template prints, without control characters."""
    if isinstance(value, Markup):
        return value
    return visible(value) if isinstance(value, str) else value


def _context(results: StudyResults, live: str) -> dict[str, Any]:
    finding = headline(results)
    return {
        "title": results.title,
        "empty": not results.means,
        "policy": Markup(policy(live)),  # no text of others stands in it
        "line": meta_line(results.meta),
        "finding": finding,
        "tiles": _tiles(results, finding),
        "found": findings(results, finding.chosen) if finding.chosen else [],
        "provenance": provenance(results),
        "counted": counted(results),
        "not_counted": not_counted(results),
        "live": live,
        "data": packed(content(results)) if results.means else "",
        "styles": Markup(_styles()),
        "library": Markup(_inline("library")),
        "script": Markup(_inline("page")),
    }


def _tiles(results: StudyResults, finding: Headline) -> list[tuple[str, str]]:
    """Number and caption of the figures at the top of the page."""
    dense, chosen = results.dense, finding.chosen
    if dense is None or chosen is None:
        return []
    energies = (
        f"{results.unit.of(chosen['energy_pj'])} of {results.unit.text(dense['energy_pj'])} per inference"
    )
    change, spread = difference(results, chosen, dense)
    accuracy = f"{100 * change:+.1f}".replace("-", "−") + (f" ± {100 * spread:.1f}" if spread else "")
    stored = f"weights stored, of {file_size(dense['stored_bytes'])}"
    return [
        (f"÷ {times_less(chosen, dense)}", energies),
        (accuracy, "points of accuracy"),
        (file_size(chosen["stored_bytes"]), stored),
        (percent(chosen["weight_sparsity"]), f"of {chosen['weight_bits']}-bit weights are zero"),
    ]
