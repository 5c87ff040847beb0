"""Widening and squeezing against the plain binary network at equal bit operations, three seeds.

`python -m benchmarks.widening fashion_mnist runs/widening` trains what is not there yet, network by network,
and writes its rows of `docs/methods/results-widen-and-squeeze.csv` anew; rows of other data sets stay. Stop
it whenever you like. A folder that holds results of other settings is refused.
"""

import argparse
import csv
import io
import json
from pathlib import Path

import torch

import spareto
from spareto.compression import compress_and_train
from spareto.compression.widening import widen_and_squeeze
from spareto.core.artifacts import fingerprint, write_text
from spareto.hardware import cost, load_accelerator, workload_bops
from spareto.profiling import profile
from spareto.records import LayerBits, QuantizeStep, Recipe, TrainingPlan
from spareto.records.widening import Budget, WideningPlan
from spareto.study.splits import split_data

RESULTS = Path("docs/methods/results-widen-and-squeeze.csv")
MOVES = {"max_shift": 2}
SETS = {  # small, so that a seed takes a minute of one core
    "fashion_mnist": {
        "data": ("fashion_mnist", 4, {"limit": 5000}),
        "network": {"channels": (8, 16), "kernel": 5, "stride": 2},
        "dense": TrainingPlan(epochs=6, batch_size=64, learning_rate=0.005),
        "binary": TrainingPlan(epochs=6, batch_size=64, learning_rate=0.005),
    },
    "nmnist_small": {
        "data": ("nmnist_small", 6, {}),
        "network": {"channels": (8, 16), "kernel": 5, "stride": 2},
        "dense": TrainingPlan(epochs=12, batch_size=32, learning_rate=0.01, **MOVES),
        "binary": TrainingPlan(epochs=10, batch_size=32, learning_rate=0.01, **MOVES),
    },
}
WIDE = {  # multiplier, weight of the features
    "binary, features": (1.0, 1.0),
    "widened 2, squeezed": (2.0, 1.0),
    "widened 2, squeezed, no features": (2.0, 0.0),
    "widened 3, squeezed": (3.0, 1.0),
}
FIELDS = (
    "method",
    "dataset",
    "seed",
    "accuracy",
    "energy_uJ",
    "bits",
    "sparsity",
    "epochs",
    "bops",
    "channels",
    "command",
)


def recipe(training):
    """Hidden weights of one bit, a magnitude a channel; the first and the last layer have 8 bits."""
    ends = tuple(
        LayerBits(layers=f"{name}.*", bits=8, quantizer="learned_clip") for name in ("features.0", "readout")
    )
    step = QuantizeStep(quantizer="sign", bits=1, granularity="per_channel", layer_bits=ends)
    return Recipe(steps=(step,), training=training)


def measured(network, seen, opened):
    """Accuracy on the test split; bit operations and energy on validation samples."""
    count = min(200, len(seen.labels))
    workload = profile(network, seen.frames[:, :count], seen.labels[:count]).workload
    spent = cost(workload, load_accelerator("eyeriss_like"), weight_format="best")
    return {
        "accuracy": spareto.evaluate(network, opened.frames, opened.labels),
        "bops": workload_bops(workload),
        "energy_uJ": spent.energy_pj / 1e6,
        "channels": [layer.out_channels for layer in workload.layers],
    }


def parts(training):
    """A third of the epochs for the wide network, the rest for the cut one; chosen on validation samples."""
    third = training.epochs // 3
    return training.replace(epochs=third), training.replace(epochs=training.epochs - third)


def one_seed(name, seed, folder):
    chosen = SETS[name]
    data, timesteps, options = chosen["data"]
    split, sealed = split_data(spareto.load_frames(data, timesteps=timesteps, **options), 0.2)
    opened, info = sealed.open(), split.train.info
    torch.manual_seed(seed)
    network = spareto.networks.build("conv", sensor=info.sensor, classes=info.classes, **chosen["network"])
    spareto.train(network, split.train, chosen["dense"], seed=seed, checkpoint=folder / "dense.safetensors")

    def keep(what, make, bits, epochs, settings):
        path = folder / f"{what.replace(' ', '_')}.json"
        key = fingerprint([data, chosen["network"], chosen["dense"].to_dict(), settings.to_dict()])
        if not path.exists():
            made = make()
            facts = {"bits": bits, "epochs": epochs, "settings": key}
            write_text(path, json.dumps(found := measured(made, split.validation, opened) | facts))
            print(name, seed, what, found, flush=True)
        found = json.loads(path.read_text())
        if found.get("settings") != key:
            raise SystemExit(f"{path}: got a result of other settings. Name another folder.")
        return found

    total = chosen["dense"].epochs + chosen["binary"].epochs
    keep("float", lambda: network, 32, chosen["dense"].epochs, chosen["dense"])
    plain = keep(
        "binary",
        lambda: compress_and_train(
            network,
            recipe(chosen["binary"]),
            split.train,
            seed=seed,
            checkpoint=folder / "binary.safetensors",
        ),
        1,
        total,
        recipe(chosen["binary"]),
    )
    for what, (multiplier, weight) in WIDE.items():
        wide, narrow = (chosen["binary"], chosen["binary"]) if multiplier == 1 else parts(chosen["binary"])
        plan = WideningPlan(
            multiplier=multiplier,
            recipe=recipe(wide),
            feature_weight=weight,
            scale_l1=1e-4 if multiplier > 1 else 0.0,
            budget=Budget(at_most=plain["bops"]) if multiplier > 1 else None,
            fine_tuning=narrow,
        )
        path = folder / f"{what.replace(' ', '_')}.safetensors"
        keep(
            what,
            lambda plan=plan, path=path: (
                widen_and_squeeze(network, plan, split.train, seed=seed, checkpoint=path).network
            ),
            1,
            total,
            plan,
        )


def write(folder, results=RESULTS):
    """Put what the folder holds into the table, in place of earlier rows of the same data sets."""
    rows = []
    for path in sorted(folder.glob("*/*/*.json")):
        found, (dataset, seed) = json.loads(path.read_text()), path.parts[-3:-1]
        command = f"python -m benchmarks.widening {dataset} {folder}"
        facts = {"method": path.stem.replace("_", " "), "dataset": dataset, "seed": seed, "sparsity": 0.0}
        channels = " ".join(map(str, found["channels"]))
        rows.append(found | facts | {"channels": channels, "command": command})
    ours = {row["dataset"] for row in rows}
    if results.exists():
        with results.open(newline="") as file:
            rows += [row for row in csv.DictReader(file) if row["dataset"] not in ours]
    rows.sort(key=lambda row: (row["dataset"], int(row["seed"]), row["method"]))
    results.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_text(results, text.getvalue())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", choices=SETS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    for seed in given.seeds:
        folder = given.folder / given.dataset / str(seed)
        folder.mkdir(parents=True, exist_ok=True)
        one_seed(given.dataset, seed, folder)
        write(given.folder)


if __name__ == "__main__":
    main()
