"""The front of trained networks and designs over look-up tables, latency and accuracy, before any Verilog.

    python -m benchmarks.fpga.front runs/fpga benchmarks/fpga/front.json docs/images/fpga-front.png
    python -m benchmarks.fpga.front runs/fpga benchmarks/fpga/front.json --knee     # simulated, sized

Every design is costed by the `fpga` kind; accuracy is that of validation images, as the design computes.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.fpga.designs import measured
from benchmarks.fpga.trained import BUILT, file_of
from spareto import hardware
from spareto.core.artifacts import write_text
from spareto.fpga import Golden, circuit_of
from spareto.package import read_package
from spareto.records.workload import Layer, Mask, Neuron, Tensor, Workload

LANES = (128, 64, 32, 16, 8)


def workload(package):
    """A package's network with the activity of its test images."""
    time, images = package.vectors.frames.shape[:2]
    bits = package.vectors.frames.reshape(time, images, -1).astype(np.int64)
    circuit = circuit_of(package.network, BUILT)
    into, layers = bits, []
    for stage, out in zip(circuit.stages, Golden(circuit).run(bits), strict=True):
        live = stage.weights != 0
        synops = float((into.sum((0, 1)) * live.sum(0)).sum() / images)
        layers.append(
            Layer(
                name=stage.name, kind="linear", in_channels=live.shape[1], out_channels=live.shape[0],
                kernel=(1, 1), stride=(1, 1), padding=(0, 0), groups=1, timesteps=time,
                weight_bits=stage.semantics.weight_bits, weight_mask=Mask.of(live[:, :, None, None]),
                input=_tensor(into, images), output=_tensor(out, images),
                effectual_synops_mean=synops, effectual_synops_max=synops,
                neuron=Neuron(kind="lif", count=len(live)),
            )
        )  # fmt: skip
        into = out
    return Workload(
        network=str(package.network.facts["network"]),
        dataset="digits, test",
        samples=images,
        timesteps=time,
        layers=tuple(layers),
    )


def _tensor(bits, images):
    each = bits.sum((0, 2))
    shape = (bits.shape[2], 1, 1)
    return Tensor(
        shape=shape, kind="spike", bits=1, nonzero_mean=float(each.mean()), nonzero_max=float(each.max())
    )


def designs(folder, trained):
    """Every network of seed 0 on digits, by lanes and reads."""
    zynq = hardware.load_accelerator("zynq7020")
    for row in trained:
        network = row["network"]
        if network[0] != "digits" or network[4] != 0:
            continue
        measured_once = workload(read_package(file_of(folder, *network)))
        for lanes in LANES:
            for reads in ("scan", "event", "compressed"):
                chip = zynq.model_copy(
                    update={
                        "lanes": zynq.lanes.model_copy(update={"value": float(lanes)}),
                        "inputs": "event" if reads == "event" else "scan",
                    }
                )
                if lanes > network[1] or (reads == "compressed" and (not network[3] or lanes >= network[1])):
                    continue
                fmt = "csc" if reads == "compressed" else "none"
                cost = hardware.cost(measured_once, chip, weight_format=fmt)
                yield {
                    "network": network,
                    "lanes": lanes,
                    "reads": reads,
                    "luts": cost.resources["lut"],
                    "block_rams": cost.resources["bram"],
                    "cycles": cost.latency_cycles,
                    "microseconds": cost.latency_cycles / chip.clock_mhz,
                    "accuracy": row["validation"],
                }


def front(rows):
    """Those that no other beats in look-up tables, cycles and accuracy."""
    points = np.array([[row["luts"], row["cycles"], -row["accuracy"]] for row in rows])
    worse = (points[:, None] >= points[None]).all(2) & (points[:, None] > points[None]).any(2)
    return [row for row, beaten in zip(rows, worse.any(1), strict=True) if not beaten]


def knee(rows):
    """The design of a front that is nearest to the best of everything, each axis from 0 to 1, two in logs."""
    axes = np.array([[np.log(row["luts"]), np.log(row["cycles"]), -row["accuracy"]] for row in rows])
    scaled = (axes - axes.min(0)) / np.maximum(np.ptp(axes, 0), 1e-9)
    return rows[int(np.linalg.norm(scaled, axis=1).argmin())]


def ratios(row):
    """Neurons of a unit in each layer, as the cost model chose them."""
    return [
        count // max(n for n in range(1, count + 1) if count % n == 0 and n <= row["lanes"])
        for count in (row["network"][1], 10)
    ]


def reads_of(row):
    """How each layer reads: a layer whose neurons all work at the same time has no compressed rows."""
    fallback = "scan" if row["reads"] == "compressed" else row["reads"]
    return [row["reads"] if ratio > 1 else fallback for ratio in ratios(row)]


def draw(found, path):
    """The figure of docs/fpga.md."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    best = found["front"]
    for reads, marker in (("scan", "o"), ("event", "s"), ("compressed", "^")):
        rows = [row for row in found["designs"] if row["reads"] == reads]
        kept = [row for row in rows if row in best]
        axes.scatter(
            [r["luts"] for r in rows], [r["microseconds"] for r in rows], s=18, color="0.8", marker=marker
        )
        dots = axes.scatter(
            [r["luts"] for r in kept], [r["microseconds"] for r in kept],
            c=[100 * r["accuracy"] for r in kept],
            vmin=100 * min(r["accuracy"] for r in best), vmax=100 * max(r["accuracy"] for r in best),
            s=52, marker=marker, edgecolors="black", linewidths=0.6, cmap="viridis", label=reads,
        )  # fmt: skip
    row = found["knee"]
    axes.annotate(
        "knee", (row["luts"], row["microseconds"]), (-80, 12), textcoords="offset points",
        arrowprops={"arrowstyle": "->"},
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="look-up tables (model)", ylabel="µs an image at 100 MHz")
    axes.set_title(
        f"{len(best)} of {len(found['designs'])} designs are not beaten (grey: beaten)", fontsize=11
    )
    figure.colorbar(dots, label="validation accuracy, %")
    axes.legend(title="reads", frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def main(folder, path, *rest):
    """See the top of the file."""
    if rest[:1] == ("--knee",):
        found = json.loads(path.read_text())
        row = found["knee"]
        choice = (tuple(row["network"]), ratios(row), reads_of(row))
        for sizes in (False, True):
            found.setdefault("built", {}).update(measured(folder, *choice, sizes))
            write_text(path, json.dumps(found, indent=1) + "\n")
        print(found["built"])
        return
    rows = list(designs(folder, json.loads((Path(__file__).parent / "trained.json").read_text())))
    best = sorted(front(rows), key=lambda row: row["luts"])
    found = {"designs": rows, "front": best, "knee": knee(best)}
    write_text(path, json.dumps(found, indent=1) + "\n")
    print(f"{len(rows)} designs, {len(best)} not beaten; the knee: {found['knee']}")
    for target in rest:
        draw(found, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
