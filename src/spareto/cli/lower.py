"""`spareto lower`: a compressed network becomes a package of integers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spareto.cli.console import Console, Flag, print_json, table_of
from spareto.cli.own import DataWords, data_named

if TYPE_CHECKING:
    from spareto.package import Package
    from spareto.study.packages import Lowering

DATA = DataWords()
LEGEND = """\
sums, neuron: bits that are proven to hold every number, whatever the input.
state: binary digits before and behind the point. saturates, worst: in firing thresholds θ.
worst: largest deviation of a current from the float network, proven.
≈: levels of a table, rounded to 1/2047 of the largest."""


def lower(
    network: Path,
    /,
    *,
    out: Path = Path("network.spareto"),
    trial: str | None = None,
    data: str | None = None,
    frames_are: DataWords = DATA,
    state_bits: Literal[16, 32] | None = None,
    weight_format: str | None = None,
    explain: Flag = False,
    json: Flag = False,
) -> None:
    """Lower a compressed network to integers and write it as a package.

    With --data the integers are compared with the float network, and the package carries test vectors.

    Args:
        network: A compressed network's file, or a run folder for its chosen point.
        out: The package.
        trial: Another trial of the run folder, by its name in `spareto front`.
        data: As in `spareto compress`; its training frames are run.
        state_bits: Width of membrane potentials; 16 where that is proven to be enough, if left out.
        weight_format: How weights are stored; in the smallest way for each layer, if left out.
        explain: Print what became of each layer, and the widths that are proven to be enough.
        json: Print JSON.
    """
    from dataclasses import replace

    from spareto.study.packages import lower_file, write_lowered

    frames = _frames(data, frames_are)
    lowering = lower_file(network, trial=trial, frames=frames, state_bits=state_bits)
    if weight_format is not None:
        lowering = replace(lowering, weight_format=weight_format)
    package = write_lowered(out, lowering, frames)
    if json:
        print_json(_row(lowering, package, out))
        return
    console = Console(soft_wrap=True)
    if explain:
        _explain(console, lowering)
    _tell(console, lowering, package, out)


def _frames(data: str | None, words: DataWords) -> Any:
    if data is None:
        return None
    from spareto.data.own import load_data

    return load_data(data_named(data, words)).train_frames[:, :64]


def _row(lowering: Lowering, package: Package, out: Path) -> dict[str, Any]:
    from spareto.lowering import explained

    deviation = lowering.deviation
    return {
        "network": lowering.label,
        "package": str(out),
        "weight_bits": package.weight_bits,
        "weight_bytes": package.weight_bytes,
        "bias_bytes": package.bias_bytes,
        "header_bytes": package.header_bytes,
        "formats": list(package.formats),
        "layers": [asdict(row) for row in explained(lowering.lowered)],
        "deviation": None if deviation is None else asdict(deviation),
    }


def _explain(console: Any, lowering: Lowering) -> None:
    from spareto.lowering import explained

    console.print(f"{lowering.label} in integers")
    numbers = ("weights", "sums", "neuron", "state", "saturates", "decay", "worst")
    table = table_of(["layer"], numbers, padding=(0, 1))
    for row in explained(lowering.lowered):
        codes = f"{row.weights:,} × {row.bits} bit" + ("" if row.exact else " ≈")
        table.add_row(
            row.name,
            codes,
            f"{row.sum_bits} bit",
            f"{row.neuron_bits} bit",
            f"{row.state_bits - 1 - row.fraction}.{row.fraction}",
            "never" if row.saturates is None else f"±{row.saturates:.0f} θ",
            f"{row.decay:.5g}",
            f"{row.worst:.1e}",
        )
    console.print(table)
    console.print(LEGEND)


def _tell(console: Any, lowering: Lowering, package: Package, out: Path) -> None:
    deviation = lowering.deviation
    if deviation is not None:
        worst = max(deviation.spikes.values())
        console.print(
            f"On {deviation.samples} training samples {deviation.decisions:.1%} of the decisions differ"
            f" from the float network's, at most {worst:.2%} of a layer's spikes."
        )
    formats = ", ".join(dict.fromkeys(package.formats))
    sizes = f"biases {package.bias_bytes:,}, header {package.header_bytes:,}"
    console.print(f"Bytes: weights {package.weight_bytes:,} ({formats}), {sizes}")
    console.print(f"Written to {out}; run it with: spareto run {out} RECORDING")
