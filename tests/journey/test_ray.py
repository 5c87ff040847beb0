"""A study on a Ray cluster of two nodes, one of which is killed in the middle."""

import json
import os
import threading
import time

import pytest

import kills
from spareto.study.config import StudyConfig
from spareto.study.executors import chosen
from spareto.study.listener import StudyListener
from spareto.study.run import run_study

FORTY = {
    **kills.STUDY,
    "compression_training": {"epochs": 0},
    "training": {"epochs": 1, "batch_size": 512, "learning_rate": 0.01},
    "grid": [
        {"regime": "joint", "bits": [2, 3, 4, 5, 6, 8], "sparsity": [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]}
    ],
}


class Counting(StudyListener):
    def __init__(self):
        self.ended, self.notes = threading.Event(), []
        self.count = 0

    def trial_ends(self, trial, *, reused):
        self.count += 1
        if self.count >= 8:
            self.ended.set()

    def noted(self, notes):
        self.notes += notes


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_node_that_is_killed_changes_nothing(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="needs the extra 'ray'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    config = StudyConfig.parse(FORTY, "study")
    run_study(config, tmp_path / "alone", executor=chosen("inline", 1, 1))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    doomed = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    told = Counting()

    def kill():
        told.ended.wait(300)
        cluster.remove_node(doomed, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    began = time.monotonic()
    try:
        trials = run_study(config, tmp_path / "cluster", told, executor=chosen("ray", 1, 1))
    finally:
        told.ended.set()
        killer.join()
        cluster.shutdown()
    assert len(trials) == 43
    found, expected = kills.content(tmp_path / "cluster"), kills.content(tmp_path / "alone")
    assert kills.differences_of(found, expected) == []
    print(json.dumps({"seconds": time.monotonic() - began, "notes": told.notes, "cores": os.cpu_count()}))
