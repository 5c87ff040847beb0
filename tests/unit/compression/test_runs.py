"""Data to run a network on: one argument, `run`, frames or a function, wherever it is asked for."""

import inspect

import pytest
import torch
from torch import nn

import spareto
from spareto import recipes
from spareto.compression import (
    calibrate,
    compress,
    fold_batch_norm,
    merge_duplicates,
    plan_folding,
    shrink,
    squeeze,
    widen,
)
from spareto.core.errors import ConfigError
from spareto.records import PruneStep, Recipe

FRAMES = torch.randn(16, 8, generator=torch.Generator().manual_seed(0))
TAKERS = (compress, calibrate, fold_batch_norm, plan_folding, shrink, widen, merge_duplicates, squeeze)


def network():
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    made(FRAMES)
    with torch.no_grad():
        made[0].weight[2], made[0].bias[2] = 0, 0
        made[1].bias[2] = 0
        made[1].weight[2] = 0
    return made.eval()


@pytest.mark.parametrize("take", TAKERS)
def test_it_has_one_name(take):
    assert "run" in inspect.signature(take).parameters


@pytest.mark.parametrize(
    "take",
    [
        lambda run: calibrate(network(), recipes.quantize(3), run),
        lambda run: fold_batch_norm(network(), run),
        lambda run: shrink(network(), run),
        lambda run: widen(network(), 2.0, run),
    ],
    ids=["calibrate", "fold", "shrink", "widen"],
)
def test_frames_and_a_function_give_the_same(take):
    one, other = take(FRAMES), take(lambda net: net(FRAMES))
    assert {k: v.tolist() for k, v in one.state_dict().items()} == {
        k: v.tolist() for k, v in other.state_dict().items()
    }


@pytest.mark.parametrize(
    ("run", "got"), [(FRAMES, "a tensor of shape (16, 3)"), (lambda net: None, "NoneType")]
)
def test_gradients_need_a_loss(run, got):
    recipe = Recipe(steps=(PruneStep(sparsity=0.5, pruner="snip"),))
    with pytest.raises(ConfigError, match="the loss, one number, for pruner 'snip'") as caught:
        compress(network(), recipe, run=run)
    (problem,) = caught.value.problems
    assert (problem.where, problem.got) == ("run", got)


def test_batch_norms_keep_momentum_and_mode_when_a_run_fails():
    def fails(net):
        raise RuntimeError("no data")

    made = network()
    with pytest.raises(RuntimeError, match="no data"):
        calibrate(made, recipes.quantize(3), fails)
    assert (made[1].momentum, made[1].training) == (0.1, False)


CHANGE = ["bake", "train"]
COPY = ["compress", "calibrate", "compress_and_train", "fold_batch_norm", "rehearse", "shrink", "widen"]


@pytest.mark.parametrize("name", [*CHANGE, *COPY, "widen_and_squeeze"])
def test_what_returns_a_network_copies_and_what_returns_nothing_changes_in_place(name):
    taken = getattr(spareto, name)
    said = inspect.getdoc(taken).lower()
    assert (inspect.signature(taken).return_annotation == "None") == (name in CHANGE)
    assert ("in place" in said) == (name in CHANGE)
    assert ("left untouched" in said) != (name in CHANGE)
