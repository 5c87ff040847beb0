"""What holds of every framework, way of running time and architecture; the table in docs/interop.md says it.

`python -m tests.profiling.interop` writes the table anew; with `--check` it fails where the page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"

ARCHITECTURES = ("dense", "conv, pooled before the neuron", "recurrent", "residual", "attention")

WAYS = (
    ("torch", "loop by hand"),
    ("torch", "loop by hand, batch first"),
    ("snnTorch", "loop"),
    ("snnTorch", "loop, batch first"),
    ("snnTorch", "called a timestep"),
    ("snnTorch", "loop, states kept"),
    ("snnTorch", "all timesteps"),
    ("SpikingJelly", "single-step, called a timestep"),
    ("SpikingJelly", "single-step, loop"),
    ("SpikingJelly", "multi-step"),
    ("SpikingJelly", "multi-step, torch layers"),
    ("Norse", "cells in a loop"),
    ("Norse", "cells in a loop, batch first"),
    ("Norse", "all timesteps, lifted"),
    ("sinabs", "batch and time"),
    ("sinabs", "squeezed"),
)

EXACT, NOT_WRITTEN = "exact", "-"

NOT_WRITABLE = {(("snnTorch", "all timesteps"), "recurrent")}
"""`StateLeaky` has no recurrent form."""

SAME, SPLIT, WEIGHTS, PAIRS = "same", "split", "weights", "pairs"

DIFFERENCES = {
    SAME: "NeuroBench counts the same effective ACs and MACs.",
    SPLIT: "The sum of ACs and MACs is the same. NeuroBench decides call by call whether a layer's input is "
    "spikes; we decide once a layer, so a layer that is ever given a number other than 0 and 1 needs MACs.",
    WEIGHTS: "NeuroBench hooks `nn.Linear` and `nn.Conv` modules. It does not see products with a bare "
    "parameter, which Norse's recurrent neurons run; without these layers the sums are the same.",
    PAIRS: "NeuroBench does not see products of two activations; without them the counts are the same.",
}


def neurobench(way: tuple[str, str], architecture: str) -> str:
    """How NeuroBench's effective operations compare with ours."""
    if architecture == "attention":
        return PAIRS
    if architecture == "recurrent" and way[0] == "Norse":
        return WEIGHTS
    return SPLIT if architecture == "residual" else SAME


def cell(way: tuple[str, str], architecture: str) -> str:
    """What the table says of one cell."""
    return NOT_WRITTEN if (way, architecture) in NOT_WRITABLE else EXACT


def table() -> str:
    """The table as the tests check it."""
    head = ["framework", "time runs", *ARCHITECTURES]
    lines = [head, ["---"] * len(head)]
    lines += [[*way, *(_told(way, architecture) for architecture in ARCHITECTURES)] for way in WAYS]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _told(way, architecture):
    found = cell(way, architecture)
    return found if found == NOT_WRITTEN else f"{found}, NeuroBench: {neurobench(way, architecture)}"


def differences() -> str:
    """What the words behind `NeuroBench` mean."""
    return "\n".join(f"- `{name}`: {text}" for name, text in DIFFERENCES.items()) + "\n"


def written(page: str) -> str:
    """A page with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, behind = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n{differences()}\n{END}{behind}"


def main(arguments: list[str]) -> int:
    """Write or check the page."""
    page = PAGE.read_text("utf-8")
    if "--check" in arguments:
        return int(page != written(page))
    PAGE.write_text(written(page), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
