"""The benchmark of widening: one table for all data sets."""

import csv
import json

from benchmarks.widening import write

FOUND = {"accuracy": 0.5, "bops": 1.0, "energy_uJ": 1.0, "channels": [1], "bits": 1, "epochs": 2}


def stored(folder, dataset, seed, accuracy):
    path = folder / dataset / str(seed) / "binary,_features.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(FOUND | {"accuracy": accuracy}))


def rows(path):
    with path.open(newline="") as file:
        return [(row["dataset"], row["seed"], row["method"], row["accuracy"]) for row in csv.DictReader(file)]


def test_rows_of_other_data_sets_stay(tmp_path):
    table = tmp_path / "results.csv"
    stored(tmp_path / "first", "one", 10, 0.1)
    stored(tmp_path / "first", "one", 9, 0.2)
    stored(tmp_path / "second", "two", 0, 0.3)
    write(tmp_path / "first", table)
    write(tmp_path / "second", table)
    first = [("one", "9", "binary, features", "0.2"), ("one", "10", "binary, features", "0.1")]
    assert rows(table) == [*first, ("two", "0", "binary, features", "0.3")]
    stored(tmp_path / "third", "one", 9, 0.4)
    write(tmp_path / "third", table)
    assert rows(table) == [("one", "9", "binary, features", "0.4"), ("two", "0", "binary, features", "0.3")]
