"""Networks for an FPGA, trained: packages and their accuracy as it is built, for the tables and the front.

    python -m benchmarks.fpga.trained runs/fpga benchmarks/fpga/trained.json    # carries on where it stopped

Validation accuracy is what designs are compared by; test accuracy is measured and chooses nothing.
"""

import json
import os
import sys
import time
from pathlib import Path

from examples.fpga.train import accuracy, frames, images, lowered

from spareto.core.artifacts import write_text
from spareto.fpga import Options
from spareto.package import write_package
from spareto.package.vectors import vectors_of

# images, hidden neurons, bits of a weight, pruned share, seed
NETWORKS = [
    ("digits", 128, 4, 0.0, 0),
    ("digits", 128, 4, 0.8, 0),
    ("digits", 128, 4, 0.0, 1),
    ("digits", 128, 4, 0.0, 2),
    ("digits", 64, 4, 0.0, 0),
    ("digits", 64, 4, 0.8, 0),
    ("digits", 32, 4, 0.0, 0),
    ("digits", 32, 4, 0.8, 0),
    ("fashion", 128, 4, 0.0, 0),
    ("digits", 128, 4, 0.8, 1),
    ("digits", 128, 4, 0.8, 2),
]
BUILT = Options(semantics="spiker", neuron_bits=6)


def file_of(folder, name, hidden, bits, sparsity, seed):
    """Where a network's package lies."""
    return folder / f"{name}-{hidden}-{bits}bit-{round(100 * sparsity)}-seed{seed}.spareto"


def main(folder, path):
    """Train what is not there yet."""
    rows = json.loads(path.read_text()) if path.exists() else []
    done = [tuple(row["network"]) for row in rows]
    data = Path(os.environ.get("SPARETO_DATA", "../shared/data"))
    for which in NETWORKS:
        if which in done:
            continue
        name, hidden, bits, sparsity, seed = which
        began = time.process_time()
        epochs = 6 if name == "digits" else 2
        made = lowered(images(name, "train", data), hidden, bits, sparsity, epochs, seed)
        pixels, labels = images(name, "test", data)
        test, count = vectors_of(made, frames(pixels[:10])), min(1000, len(pixels))
        write_package(file_of(folder, *which), made, test=test)
        row = {"network": list(which), "test_images": count, "epochs": epochs}
        held, classes = images(name, "validation", data)
        row["validation"] = accuracy(made, held[:400], classes[:400], BUILT)
        row["test"] = accuracy(made, pixels[:count], labels[:count], BUILT)
        row["seconds"] = round(time.process_time() - began, 1)
        rows.append(row)
        write_text(path, json.dumps(rows, indent=1) + "\n")
        print(row, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
