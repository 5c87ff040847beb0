"""Every kind of compressed network comes back from its file as it was, and can be measured."""

import pytest
import torch

import tiny
from spareto.compression import compress_and_train
from spareto.profiling import profile
from spareto.records import (
    LayerFilter,
    MembranePlan,
    PruneStep,
    QuantizeStep,
    Recipe,
    SchedulePlan,
    TrainingPlan,
)
from spareto.study.config import NetworkPlan
from spareto.study.networks import load_network, save_network

TRAINING = TrainingPlan(epochs=4, batch_size=3, learning_rate=0.02)
PLAN = NetworkPlan(options={"channels": (3,), "votes": 2})
WAYS = [
    ("channels", "one_shot", {}),
    ("channels", "gradual", {"fold_batch_norm": True, "bias_bits": 8}),
    ("magnitude", "rigl", {}),
    ("magnitude", "lottery_ticket", {"granularity": "per_channel"}),
    ("snip", "gradual", {"neuron_bits": 8, "membrane": MembranePlan(bits=8)}),
    ("n_of_m", "gradual", {"quantizer": "duq", "rounding": "ewgs"}),
]


@pytest.mark.filterwarnings("ignore::spareto.training.SilentLayerWarning")  # so few weights may say nothing
@pytest.mark.parametrize(("pruner", "schedule", "quantized"), WAYS, ids=str)
def test_a_stored_network_comes_back(pruner, schedule, quantized, tmp_path):
    prune = PruneStep(sparsity=0.4, pruner=pruner, floor=0.1, schedule=SchedulePlan(name=schedule))
    recipe = Recipe(
        steps=(prune, QuantizeStep(bits=4, start=0.5, **quantized)),
        layers=LayerFilter(last=pruner != "channels"),
        training=TRAINING,
    )
    data, path = tiny.frame_data(), tmp_path / "network.safetensors"
    network = compress_and_train(tiny.network(), recipe, data)
    save_network(path, network, PLAN, recipe, tiny.SENSOR, tiny.CLASSES)
    loaded = load_network(path)
    frames = torch.from_numpy(data.train_frames).float()
    assert torch.equal(loaded(frames), network(frames))
    measured = profile(loaded, data.test_frames, data.test_labels)
    assert measured.workload.weight_sparsity > (0.1 if pruner == "channels" else 0.39)
