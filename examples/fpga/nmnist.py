"""N-MNIST from recordings to simulated Verilog: a dense and a convolutional network, all 100 test recordings.

python examples/fpga/nmnist.py dense --out runs/fpga
python examples/fpga/nmnist.py conv --out runs/fpga
"""

import argparse
from pathlib import Path

import numpy as np

import spareto
from spareto.fpga import Options, simulate, write_design
from spareto.package import write_package
from spareto.package.vectors import vectors_of

NETWORKS = {
    "dense": {"name": "dense", "hidden": (64,), "votes": 1},
    "conv": {"name": "conv", "channels": (8, 16), "kernel": 5, "stride": 2, "votes": 1},
}


def main():
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("which", choices=NETWORKS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    given = parser.parse_args()
    data = spareto.load_frames("nmnist_small", timesteps=10)
    options = dict(NETWORKS[given.which])
    model = spareto.networks.registry.make(options.pop("name"), sensor=(2, 34, 34), classes=10, **options)
    plan = spareto.TrainingPlan(epochs=given.epochs, learning_rate=0.01)
    spareto.train(model, data, plan)
    small = spareto.compress(model, spareto.recipes.quantize(bits=4))
    spareto.train(small, data, spareto.TrainingPlan(epochs=2, learning_rate=0.002))
    lowered = spareto.lower(small, facts={"network": f"N-MNIST, {given.which}"}).network
    vectors = vectors_of(lowered, np.asarray(data.test_frames).astype(np.int64))
    right = float((vectors.votes.argmax(1) == np.asarray(data.test_labels)).mean())
    write_package(given.out / f"nmnist-{given.which}.spareto", lowered, test=vectors)
    folder = given.out / f"nmnist-{given.which}"
    write_design(lowered, folder, Options(), vectors)
    found = simulate(folder)
    print(
        f"{given.which}: {found.simulator} {found.said}; accuracy {right:.1%} on {len(data.test_labels)} recordings"
    )
    each = found.cycles / found.recordings
    print(
        f"{each:,.0f} cycles a recording, {'as' if found.cycles == found.predicted else 'NOT as'} predicted"
    )


if __name__ == "__main__":
    main()
