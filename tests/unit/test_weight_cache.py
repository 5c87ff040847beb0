"""Weights are computed once a forward, and nobody notices."""

import pickle
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint

import tiny
from spareto import recipes
from spareto.compression import bake, compress, compressed_weight
from spareto.compression.weight_cache import WeightCache
from spareto.records import QuantizeStep, Recipe

JOINT = recipes.joint(3, 0.5)
T = 5


class Loop(nn.Module):
    """Somebody else's network, with its time loop in `forward`."""

    def __init__(self, mode="plain"):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.mode = nn.Linear(12, 8), nn.Linear(8, 3), mode

    def step(self, now):
        return self.second(self.first(now).relu())

    def forward(self, frames):
        if self.mode == "fails" and self.training:
            self.step(frames[0])
            raise RuntimeError("out of order")
        if self.mode.endswith("reentrant"):
            reentrant = self.mode == "reentrant"
            halves = [checkpoint(self.steps, half, use_reentrant=reentrant) for half in frames.split(3)]
            return sum(halves)
        return self.steps(frames)

    def steps(self, frames):
        return sum(self.step(now) for now in frames)


def count(network, run):
    """How often each layer's weight is computed while `run` runs."""
    calls = []
    parts = [part for layer in network.modules() if (part := compressed_weight(layer)) is not None]
    handles = [part.quantizer.register_forward_hook(lambda *_: calls.append(1)) for part in parts]
    run()
    for handle in handles:
        handle.remove()
    return len(calls) / len(handles)


def frames(seed=0, batch=4):
    return torch.randn(T, batch, 12, generator=torch.Generator().manual_seed(seed))


def gradients(network, run):
    network.zero_grad()
    run(network)
    return [parameter.grad.clone() for parameter in network.parameters()]


def uncached(network):
    """The slow twin: the same network, computing its weights at every use."""
    copy = deepcopy(network)
    for layer in copy.modules():
        if (part := compressed_weight(layer)) is not None:
            part.weight_cache = lambda weight, training, compute: compute(weight)
    return copy


def test_a_time_loop_computes_weights_once():
    network = compress(Loop(), JOINT)
    assert count(network, lambda: network(frames())) == 1
    assert count(network, lambda: [network(frames()) for _ in range(3)]) == 3
    assert count(network, lambda: network.step(frames()[0])) == 1


@pytest.mark.parametrize("training", [True, False])
def test_values_and_gradients_are_those_of_the_uncached_network(training):
    network = compress(Loop(), JOINT).train(training)
    twin = uncached(network)
    assert torch.equal(network(frames()), twin(frames()))
    run = lambda network: network(frames()).square().sum().backward()  # noqa: E731
    for ours, theirs in zip(gradients(network, run), gradients(twin, run), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["reentrant", "non-reentrant"])
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_checkpoints(mode):
    plain = compress(Loop(), JOINT)
    network = compress(Loop(mode), JOINT)
    given = frames().requires_grad_()
    run = lambda network: network(given).square().sum().backward()  # noqa: E731
    for ours, theirs in zip(gradients(network, run), gradients(plain, run), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_two_forwards_then_two_backwards():
    network = compress(Loop(), JOINT)
    losses = [network(frames(seed)).sum() for seed in range(2)]
    for loss in losses:
        loss.backward()
    network.step(frames()[0]).sum().backward()
    network.step(frames()[0]).sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters() if p.grad is not None)
    assert network.first.parametrizations.weight.original.grad.any()


def test_an_optimizers_step_and_an_edit_behind_autograds_back_are_seen():
    network = compress(Loop(), JOINT)
    before = network(frames()).detach()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    network.first.parametrizations.weight.original.data.mul_(2)
    assert torch.equal(network(frames()), uncached(network)(frames()))
    assert not torch.equal(network(frames()), before)


def test_no_gradient_mode_does_not_leak_into_training():
    network = compress(Loop(), JOINT)
    network.first.register_forward_pre_hook(lambda *_: None)
    with torch.no_grad():
        network(frames())
    with torch.inference_mode():
        network(frames())
    network(frames()).sum().backward()
    assert network.first.parametrizations.weight.original.grad.any()


def test_a_part_that_runs_without_gradient_inside_a_forward():
    network = compress(Loop(), JOINT)
    step = network.step

    def first_without(now, seen=[]):  # noqa: B006
        seen.append(now)
        with torch.set_grad_enabled(len(seen) > 1):
            return step(now)

    network.step = first_without
    network(frames()).sum().backward()
    assert network.first.parametrizations.weight.original.grad.any()


def test_nothing_is_kept_after_a_forward_even_a_failed_one():
    network = compress(Loop("fails"), JOINT)
    with pytest.raises(RuntimeError, match="out of order"):
        network(frames())
    for _ in range(2):
        network.step(frames()[0]).sum().backward()
    assert all(
        part.weight_cache._kept is None for layer in network.modules() if (part := compressed_weight(layer))
    )


def test_copies_start_empty():
    once = WeightCache()
    once.begin()
    weight = torch.ones(2, requires_grad=True)
    kept = once(weight, True, torch.exp)
    assert once(weight, True, torch.exp) is kept
    for copy in (deepcopy(once), pickle.loads(pickle.dumps(once))):
        assert copy(weight, True, torch.exp) is not kept


def test_a_copy_made_in_the_middle_of_a_forward_computes_for_itself():
    network, copies = compress(Loop(), JOINT), []
    network.second.register_forward_hook(lambda *_: copies.append(deepcopy(network)))
    network(frames())
    with torch.no_grad():
        copies[1].first.parametrizations.weight.original.zero_()
    assert not copies[1].first.weight.any()
    assert network.first.weight.any()


def test_a_deep_copy_keeps_the_saving():
    network = deepcopy(compress(Loop(), JOINT))
    assert count(network, lambda: network(frames())) == 1


def test_a_loop_around_the_network_can_be_cached_by_torch():
    network = compress(Loop(), JOINT)

    def around():
        with parametrize.cached():
            for now in frames():
                network(now[None])

    assert count(network, around) == 1
    assert count(network, lambda: [network(now[None]) for now in frames()]) == T


def test_baking_removes_the_scope():
    network = bake_and_return(compress(Loop(), JOINT))
    assert not network._forward_pre_hooks
    assert not network._forward_hooks
    assert not network._forward_hooks_always_called


def bake_and_return(network):
    bake(network)
    return network


def test_later_steps_open_no_second_scope():
    network = compress(Loop(), recipes.cumulative(3, 0.5))
    assert (len(network._forward_pre_hooks), len(network._forward_hooks)) == (1, 1)


def test_export():
    network = compress(Loop(), JOINT).eval()
    expected = network(frames())
    exported = torch.export.export(network, (frames(),), strict=False)
    torch.testing.assert_close(exported.module()(frames()), expected)
    assert torch.equal(network(frames()), expected)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_compile():
    network = compress(Loop(), JOINT)
    twin = uncached(network)
    compiled = torch.compile(network, backend="eager")
    run = lambda network: network(frames()).square().sum().backward()  # noqa: E731
    expected = gradients(twin, run)
    network.zero_grad()
    run(compiled)
    for ours, theirs in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(ours.grad, theirs, rtol=1e-4, atol=1e-5)


def test_functional_call():
    network = compress(Loop(), Recipe(steps=(QuantizeStep(bits=4),)))
    doubled = {name: 2 * value.detach() for name, value in network.named_parameters()}
    got = torch.func.functional_call(network, doubled, (frames(),))
    copy = deepcopy(network)
    copy.load_state_dict({**copy.state_dict(), **doubled})
    torch.testing.assert_close(got, copy(frames()))


def test_distributed_data_parallel(tmp_path):
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1
    )
    try:
        network = compress(Loop(), JOINT)
        plain = deepcopy(network)
        wrapped = nn.parallel.DistributedDataParallel(network)
        assert count(network, lambda: wrapped(frames()).square().sum().backward()) == 1
        plain(frames()).square().sum().backward()
        for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(ours.grad, theirs.grad)
        for _ in range(2):  # accumulate
            wrapped(frames()).square().sum().backward()
    finally:
        torch.distributed.destroy_process_group()


def test_our_own_network_computes_weights_once():
    network = compress(tiny.network(), JOINT)
    given = torch.from_numpy(tiny.frame_data().train_frames).float()
    assert count(network, lambda: network(given)) == 1
