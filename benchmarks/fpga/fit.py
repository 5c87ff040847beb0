"""The coefficients of the model of look-up tables, and the model beside everything that was measured.

    python -m benchmarks.fpga.fit    # the coefficients that some designs give; how far it is off in others

Least squares of relative errors. Each coefficient is drawn to what counting adders and selections gives
(`COUNTED`), a tenth as strongly as by a design, for there are about as many designs as coefficients.
"""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from benchmarks.fpga import designs, layers, sizes
from spareto.fpga.sizing import built
from spareto.hardware.fabric.logic import COEFFICIENTS, luts, terms

FOLDER = Path(__file__).parent
PULL = 0.1
COUNTED = {
    "control": 1.0,
    "scanned": 0.55,
    "encoded": 1.0,
    "handed": 1.0,
    "lanes": 1.0,
    "addresses": 1.0,
    "leak_floor": 1.0,
    "leak_rounded": 1.3,
    "fire": 2.3,
    "integrate": 4.0,
    "late": 3.8,
    "current": 2.9,
    "back": 1.0,
    "scaled": 3.5,
    "scaled_current": 1.0,
    "digits": 5.0,
    "fetched": 1.0,
    "states": 1.0,
    "constants": 1.0,
    "counters": 1.2,
}


def rows():
    """Every measured design: its name, stages, classes, size, and whether it sets coefficients."""
    for row in json.loads((FOLDER / "measured.json").read_text()):
        design = tuple(row["design"])
        yield str(design), built(sizes.circuit(*design)), design[2], row["estimate"], design in sizes.FITTED
    for title, size in json.loads((FOLDER / "layers.json").read_text()).items():
        made = built(layers.circuit(*layers.DESIGNS[title]))
        yield title, made, layers.CLASSES, size, title in layers.SETS
    for title, row in json.loads((FOLDER / "designs.json").read_text()).items():
        if "estimate" in row:
            yield title, designs.stages_of(row), 10, row["estimate"], False
    knee = json.loads((FOLDER / "front.json").read_text())["built"]
    yield "digits-knee of the front", designs.stages_of(knee), 10, knee["estimate"], False


def fitted(found):
    """Coefficients out of those that set some."""
    names = list(COUNTED)
    chosen = [(terms(stages, classes), size["luts"]) for _, stages, classes, size, sets in found if sets]
    near = np.array([COUNTED[name] for name in names])
    asked = np.array([[each.get(name, 0.0) / count for name in names] for each, count in chosen]) * near
    pulled = np.vstack([asked, PULL * np.eye(len(names))])
    shares = nnls(pulled, np.concatenate([np.ones(len(chosen)), np.full(len(names), PULL)]))[0]
    return {n: round(float(v), 1 if v >= 1 else 2) for n, v in zip(names, near * shares, strict=True)}


def main():
    """See the top of the file."""
    found = list(rows())
    print(fitted(found), "as in the model" if fitted(found) == COEFFICIENTS else "NOT as in the model")
    off = {}
    for name, stages, classes, size, sets in found:
        if not sets:
            off[name] = luts(stages, classes) / size["luts"] - 1
    for name, share in sorted(off.items(), key=lambda row: -abs(row[1])):
        print(f"{share:+.1%} {name}")
    print(f"{len(off)} designs that set nothing: mean {np.abs(list(off.values())).mean():.1%} off")


if __name__ == "__main__":
    main()
