"""Madam, SGD and Adam with 8-bit logarithmic weights that lie on a grid of B_U bits between two steps.

`python -m benchmarks.methods.updates fashion_mnist docs/methods/updates.csv` adds rows that the file lacks;
so it may be stopped and run again. Accuracy is that on the test split; nothing is chosen by it.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import torch

import spareto
from spareto import networks
from spareto.compression import compress_and_train
from spareto.data.load import FrameData
from spareto.records import Recipe, TrainingPlan

SEEDS = (0, 1, 2)
WIDTHS = (16, 15, 14, 13, 12, 11, 10)
MADAM = {"name": "madam", "options": {"additive_rate": 0.005}}
OPTIMIZERS = {
    "madam": {"learning_rate": 1 / 128, "optimizer": MADAM},
    "madam, stochastic": {"learning_rate": 1 / 128, "optimizer": MADAM},
    "sgd": {"learning_rate": 0.1, "optimizer": "sgd"},
    "adam": {"learning_rate": 0.005},
}
FIELDS = ("dataset", "optimizer", "update_bits", "seed", "accuracy", "dense_accuracy")
DATA = {
    "fashion_mnist": (
        {"timesteps": 4, "limit": 3000}, {}, {"epochs": 5, "batch_size": 64, "learning_rate": 0.005}, 3,
    ),
    "nmnist_small": (
        {"timesteps": 10}, {"dropout": 0.2}, {"epochs": 10, "batch_size": 32, "learning_rate": 0.01}, 4,
    ),
}  # fmt: skip


def dense_network(data: FrameData, name: str, seed: int) -> torch.nn.Module:
    _, options, plan, _ = DATA[name]
    torch.manual_seed(seed)
    network = networks.build(
        "conv", sensor=data.info.sensor, classes=10, channels=(16, 32), kernel=5, stride=2, **options
    )
    spareto.train(network, data, TrainingPlan(**plan), seed=seed, on_silence=lambda _: None)
    return network


def recipe_of(optimizer: str, bits: int, name: str) -> Recipe:
    _, _, plan, epochs = DATA[name]
    training = {
        **plan,
        **OPTIMIZERS[optimizer],
        "epochs": epochs,
        "update": {"bits": bits, "rounding": "stochastic" if "stochastic" in optimizer else "nearest"},
    }
    steps = [{"kind": "quantize", "quantizer": "logarithmic", "bits": 8}]
    return Recipe.parse({"steps": steps, "training": training}, "recipe")


def main(name: str, path: Path) -> None:
    known = set()
    if path.exists():
        with path.open(newline="") as file:
            known = {
                (r["dataset"], r["optimizer"], r["update_bits"], r["seed"]) for r in csv.DictReader(file)
            }
    else:
        path.write_text(",".join(FIELDS) + "\n")
    data = spareto.load_frames(name, **DATA[name][0])
    for seed in SEEDS:
        dense, accuracy = None, 0.0
        for bits in WIDTHS:
            for optimizer in OPTIMIZERS:
                if (name, optimizer, str(bits), str(seed)) in known:
                    continue
                if dense is None:
                    dense = dense_network(data, name, seed)
                    accuracy = spareto.evaluate(dense, data.test_frames, data.test_labels)
                recipe = recipe_of(optimizer, bits, name)
                trained = compress_and_train(dense, recipe, data, seed=seed, on_silence=lambda _: None)
                found = spareto.evaluate(trained, data.test_frames, data.test_labels)
                with path.open("a", newline="") as file:
                    csv.writer(file).writerow(
                        (name, optimizer, bits, seed, f"{found:.4f}", f"{accuracy:.4f}")
                    )
                print(name, optimizer, bits, seed, f"{found:.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
