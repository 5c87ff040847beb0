"""Recomputation where no fused kernel runs: less is kept, and every number stays."""

from contextlib import ExitStack
from copy import deepcopy

import pytest
import torch
from torch.profiler import profile

import tiny
from spareto import kernels, networks, recipes
from spareto.compression import compress
from spareto.records import QuantizeStep, Recipe, TrainingPlan
from spareto.training import train

FRAMES = (torch.rand(10, 32, *tiny.SENSOR, generator=torch.Generator().manual_seed(0)) < 0.3).float()


def conv(**options):
    return tiny.network(channels=(8, 8), dropout=0.3, **options)


def recurrent():
    torch.manual_seed(0)
    return networks.build("dense", sensor=tiny.SENSOR, classes=2, hidden=(16,), recurrent=True)


NETWORKS = {
    "reference": conv,
    "autocast": conv,
    "recurrent": recurrent,
    "fixed point": lambda: conv(neuron={"name": "quantized_state"}),
    "compressed": lambda: compress(conv(), recipes.joint(3, 0.5)),
    "random rounding": lambda: compress(
        conv(), Recipe(steps=(QuantizeStep(bits=3, quantizer="max_range", rounding="noise"),))
    ),
}


def step(network, case, recompute):
    """Gradients, buffers, output and what the forward pass left allocated, bytes."""
    network = deepcopy(network).train()
    with ExitStack() as stack:
        if case != "recurrent":
            way = torch.autocast("cpu", torch.bfloat16) if case == "autocast" else kernels.reference()
            stack.enter_context(way)
        stack.enter_context(kernels.options(recompute=recompute))
        torch.manual_seed(5)
        memory = stack.enter_context(profile(profile_memory=True))
        rates = network(FRAMES)
    kept = sum(event.self_cpu_memory_usage for event in memory.key_averages())
    (rates.float() - 1).square().sum().backward()
    assert all(block.decision.way == "reference" for block in blocks(network))
    gradients = [parameter.grad for parameter in network.parameters()]
    return gradients, [buffer.clone() for buffer in network.buffers()], rates.detach(), kept


def blocks(network):
    hidden = [part for part in network.modules() if hasattr(part, "decision")]
    return hidden[:-1] if isinstance(network, networks.registry.get("dense")) else hidden


@pytest.mark.parametrize("case", NETWORKS)
def test_less_is_kept_and_the_numbers_are_the_same(case):
    network = NETWORKS[case]()
    *kept, most = step(network, case, recompute=False)
    *again, least = step(network, case, recompute=True)
    assert least < 0.6 * most
    for one, two in zip(kept[:2], again[:2], strict=True):
        assert all(map(torch.equal, one, two))
    assert torch.equal(kept[2], again[2])


def test_a_batch_norm_without_momentum_counts_a_batch_once():
    network = conv()
    network.features[0].norm.momentum = None
    assert step(network, "reference", recompute=True)[1][2] == 1
    assert all(map(torch.equal, *(step(network, "reference", again)[1] for again in (False, True))))


@pytest.mark.parametrize("mode", ["evaluation", "no gradient"])
def test_nothing_is_noted_where_nothing_is_learned(mode, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a checkpoint")

    monkeypatch.setattr("spareto.layers._recompute.checkpoint", refuse)
    network = conv().train(mode == "no gradient")
    with kernels.reference(), kernels.options(recompute=True), torch.set_grad_enabled(mode == "evaluation"):
        network(FRAMES)
    with pytest.raises(AssertionError), kernels.reference(), kernels.options(recompute=True):
        network.train()(FRAMES)


def test_a_plan_recomputes_under_autocast():
    plan = TrainingPlan(epochs=2, batch_size=3, learning_rate=0.02, precision="bfloat16")
    kept, again = (tiny.network(dropout=0.3) for _ in range(2))
    train(kept, tiny.frame_data(), plan)
    train(again, tiny.frame_data(), plan.model_copy(update={"recompute": True}))
    assert all(map(torch.equal, kept.state_dict().values(), again.state_dict().values()))
