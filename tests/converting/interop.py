"""Which neurons in which architectures are converted exactly; the table in docs/interop.md says it.

`python -m tests.converting.interop` writes the table anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "interop.md"
BEGIN, END = "<!-- conversions: begin -->", "<!-- conversions: end -->"
ARCHITECTURES = ("dense", "conv, pooled before the neuron", "recurrent", "residual", "attention")


def table() -> str:
    """A row a neuron, as the tests run them."""
    from converting import neurons

    head = ["framework", "neuron", *ARCHITECTURES]
    lines = [head, ["---"] * len(head)]
    for framework in neurons.FRAMEWORKS:
        lines += [
            [framework, f"`{code}`", *("exact",) * len(ARCHITECTURES)] for code in neurons.rows(framework)
        ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def written(page: str) -> str:
    """A page with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, behind = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n{END}{behind}"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
