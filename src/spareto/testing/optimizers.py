"""What every optimizer of a training plan must keep, as functions: call them from the tests of your own."""

from __future__ import annotations

import torch
from torch import nn

from spareto.records import TrainingPlan
from spareto.training.optimizer import make_optimizer
from spareto.training.optimizers import Parameters


def _steps(network: nn.Module, optimizer: torch.optim.Optimizer, first: int, count: int) -> None:
    """Steps along gradients that depend on their number alone."""
    for step in range(first, first + count):
        generator = torch.Generator().manual_seed(step)
        for parameter in network.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()


def check_groups(network: nn.Module, plan: TrainingPlan) -> None:
    """Every trained parameter is in one group: weights in the first, all others in the second."""
    known, groups = Parameters.of(network), make_optimizer(network, plan).param_groups
    assert [id(each) for each in groups[0]["params"]] == [id(each) for each in known.weights.values()]
    assert [id(each) for each in groups[1]["params"]] == [id(each) for each in known.others.values()]
    assert not groups[1]["weight_decay"], "batch norms and scales decay"


def check_moves(network: nn.Module, plan: TrainingPlan) -> None:
    """Steps change every parameter that has a gradient, and to finite values."""
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    _steps(network, make_optimizer(network, plan), 0, 3)
    for name, value in network.named_parameters():
        assert bool(torch.isfinite(value).all()), f"'{name}' is not finite"
        assert not torch.equal(value, before[name]), f"'{name}' stands still"


def check_resumes(first: nn.Module, second: nn.Module, plan: TrainingPlan) -> None:
    """Its state holds tensors alone, and one that is given it goes on with the same bits.

    Args:
        first: A network.
        second: An equal one.
        plan: Names the optimizer.
    """
    optimizer = make_optimizer(first, plan)
    _steps(first, optimizer, 0, 3)
    state = optimizer.state_dict()["state"]
    fields = {name: value for each in state.values() for name, value in each.items()}
    assert all(isinstance(value, torch.Tensor) for value in fields.values()), f"a state of {sorted(fields)}"
    second.load_state_dict(first.state_dict())
    other = make_optimizer(second, plan)
    groups = other.state_dict()["param_groups"]
    copied = {index: {name: v.clone() for name, v in each.items()} for index, each in state.items()}
    other.load_state_dict({"state": copied, "param_groups": groups})
    _steps(first, optimizer, 3, 3)
    _steps(second, other, 3, 3)
    for (name, one), two in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two), f"'{name}' differs after the state was taken up again"
