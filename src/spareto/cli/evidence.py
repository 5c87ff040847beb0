"""What the numbers of the accelerators rest on, and how far they are from published measurements."""

from __future__ import annotations

from collections.abc import Sequence

from spareto import hardware
from spareto.cli.console import Console, table_of
from spareto.reproduction.chips import compare, load_measurements


def errors_by_chip(chip: str | None = None) -> dict[str, dict[str, float]]:
    """Relative errors of every number that counts, by accelerator and row; of one accelerator if named."""
    found: dict[str, dict[str, float]] = {}
    for each in compare(load_measurements(), chip).rows:
        if each.row.chip and each.error is not None and each.verdict in ("within", "miss"):
            found.setdefault(each.row.chip, {})[f"{each.row.id} {each.quantity}"] = each.error
    return found


def print_evidence(chips: Sequence[hardware.Chip]) -> None:
    """Kind, node, what was measured, what is modelled, and the errors, one line an accelerator."""
    table = table_of()
    for head in ("accelerator", "kind", "node"):
        table.add_column(head, no_wrap=True, justify="right" if head == "node" else "left")
    for head in ("measured", "modelled"):
        table.add_column(head)
    table.add_column("error", justify="right", no_wrap=True)
    errors = errors_by_chip()
    for chip in chips:
        evidence = chip.evidence
        table.add_row(
            chip.name,
            chip.kind.split("_")[0],
            f"{chip.technology.amount:g} nm",
            (evidence.measured if evidence else "") or "-",
            (evidence.modelled if evidence else "") or "-",
            _span(list(errors.get(chip.name, {}).values())),
        )
    Console().print(table)
    Console().print(
        "error: ours against published numbers that nothing was fitted to; `spareto reproduce chips`"
    )


def _span(errors: Sequence[float]) -> str:
    """The smallest and the largest error.

    >>> _span([-0.1, 0.08])
    '-10..+8 %'
    """
    if not errors:
        return "-"
    low, high = (f"{100 * each:+.0f}" for each in (min(errors), max(errors)))
    return f"{low} %" if low == high else f"{low}..{high} %"
