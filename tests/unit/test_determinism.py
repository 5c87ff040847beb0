"""Which numbers repeat and which may not: the table in docs/determinism.md."""

import pytest
import torch

import tiny
from spareto.compression import compress_and_train
from spareto.profiling import profile
from spareto.records import Recipe, TrainingPlan
from spareto.testing.steps import state_bytes
from spareto.training import evaluate, train

PLAN = TrainingPlan(epochs=2, batch_size=8, learning_rate=0.02)
STEPS = [{"kind": "prune", "sparsity": 0.5}, {"kind": "quantize", "bits": 4}]
BATCHES = (1, 3, 8, 32)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def trained(seed=1):
    network = tiny.network(channels=(16, 16), votes=4)
    train(network, tiny.frame_data(32, 4), PLAN, seed=seed)
    return network.eval()


@pytest.mark.parametrize("count", [1, 2])
def test_the_same_run_ends_with_the_same_bytes(count, threads):
    threads(count)
    assert state_bytes(trained()) == state_bytes(trained())


def test_threads_change_training_by_rounding_alone(threads):
    threads(1)
    one = trained().state_dict()
    threads(2)
    two = trained().state_dict()
    for name in one:
        scale = one[name].abs().max().clamp_min(1.0)
        assert torch.allclose(one[name] / scale, two[name] / scale, atol=1e-3), name


def test_outputs_depend_neither_on_threads_nor_on_the_batch(threads):
    network, data = trained(), tiny.frame_data(32, 4)
    frames, found = torch.from_numpy(data.test_frames).float(), []
    for count in (1, 2):
        threads(count)
        with torch.inference_mode():
            for size in BATCHES:
                parts = [network(frames[:, at : at + size]) for at in range(0, 32, size)]
                found.append(torch.cat(parts))
    assert all(torch.equal(each, found[0]) for each in found)
    right = {evaluate(network, data.test_frames, data.test_labels, batch_size=size) for size in BATCHES}
    assert len(right) == 1


def test_counts_depend_neither_on_threads_nor_on_the_batch(threads):
    network, data, found = trained(), tiny.frame_data(32, 4), []
    for count, size in ((1, 1), (1, 5), (2, 32)):
        threads(count)
        found.append(profile(network, data.test_frames, data.test_labels, batch_size=size).workload)
    assert all(each == found[0] for each in found)


def test_the_order_in_which_steps_are_written_changes_nothing():
    data, made = tiny.frame_data(), []
    for steps in (STEPS, STEPS[::-1]):
        recipe = Recipe.parse({"steps": steps, "training": {"epochs": 1}}, "recipe")
        made.append((recipe.hash, state_bytes(compress_and_train(tiny.network(), recipe, data))))
    assert made[0] == made[1]
