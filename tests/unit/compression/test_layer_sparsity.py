"""Layers with a sparsity and a pruner of their own, and the seven pruners of a layer-wise search."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import spareto
from spareto.compression import compress_and_train
from spareto.core.errors import ConfigError, UnknownName
from spareto.data.load import FrameData
from spareto.records import LayerSparsity, PruneStep, Recipe, SchedulePlan, TrainingPlan
from tiny import frame_data, spiking_dense

SEVEN = {
    "l1": ("channels", {"norm": "l1"}),
    "l2": ("channels", {"norm": "l2"}),
    "bernoulli": ("bernoulli", {}),
    "reconstruction": ("reconstruction", {}),
    "level": ("magnitude", {}),
    "sensitivity": ("sensitivity", {}),
    "splicing": ("splicing", {}),
}
STRUCTURED = ("l1", "l2", "bernoulli", "reconstruction")


class _Net(nn.Module):
    """Three layers whose channels can be followed and cut."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Conv2d(2, 8, 3), nn.Conv2d(8, 10, 3), nn.Linear(40, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.three(F.relu(self.two(F.relu(self.one(x)))).flatten(1))


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return _Net()


FRAMES = torch.rand(6, 2, 6, 6, generator=torch.Generator().manual_seed(1))


def loss(net: nn.Module) -> torch.Tensor:
    return F.cross_entropy(net(FRAMES), torch.arange(6) % 4)


pruned = partial(spareto.compress, run=loss, seed=3)


def step(*own: LayerSparsity, **fields) -> Recipe:
    return Recipe(steps=(PruneStep(**{"sparsity": 0.5, "layer_sparsity": own, **fields}),))


def zeros(net: nn.Module, name: str) -> int:
    return int((net.get_submodule(name).weight == 0).sum())


@pytest.mark.parametrize("kind", SEVEN)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.77, 0.85])
def test_each_of_the_seven_hits_the_asked_ratio_to_the_unit(kind, share) -> None:
    name, options = SEVEN[kind]
    plan = step(pruner=name, options=options, sparsity=share, scope="per_layer")
    net = pruned(network(), plan)
    for layer in ("one", "two", "three"):
        weight = net.get_submodule(layer).weight
        units = weight.flatten(1).any(1) if kind in STRUCTURED else weight.flatten() != 0
        assert len(units) - int(units.sum()) == int(share * len(units) + 0.5), layer
        if kind in STRUCTURED:
            assert bool((weight.flatten(1) != 0).all(1)[units].all()), "a channel is kept in part"


@pytest.mark.parametrize("kind", STRUCTURED)
def test_shrinking_really_cuts_what_the_structured_ones_remove(kind) -> None:
    name, options = SEVEN[kind]
    own = LayerSparsity(layers="three", sparsity=0.3, pruner="magnitude")
    net = pruned(network(), step(own, pruner=name, options=options, scope="per_layer"))
    small = spareto.shrink(net, FRAMES)
    assert [small.one.out_channels, small.two.in_channels, small.two.out_channels] == [4, 4, 5]
    assert small.three.in_features == 20
    assert torch.allclose(small(FRAMES), net(FRAMES), atol=1e-6)


def test_each_layer_loses_its_own_share_by_its_own_pruner() -> None:
    own = (
        LayerSparsity(layers="two", sparsity=0.2, pruner="channels"),
        LayerSparsity(layers="t*", sparsity=0.75),
    )
    net = pruned(network(), step(*own, sparsity=0.25))
    assert zeros(net, "one") == 36  # of 144: the step's own
    assert zeros(net, "two") == 2 * 72  # 2 of 10 channels: the first pattern that matches
    assert zeros(net, "three") == 120  # of 160
    assert int((net.two.bias == 0).sum()) == 2


def test_layers_of_their_own_take_no_part_in_the_ranking_of_the_others() -> None:
    alone = pruned(network(), Recipe(steps=(PruneStep(sparsity=0.5),), layers={"exclude": ("three",)}))
    with_own = pruned(network(), step(LayerSparsity(layers="three", sparsity=0.0)))
    for layer in ("one", "two"):
        assert torch.equal(alone.get_submodule(layer).weight, with_own.get_submodule(layer).weight)
    assert zeros(with_own, "three") == 0


def test_a_pattern_without_a_layer_an_unknown_pruner_and_an_empty_layer_are_refused() -> None:
    lost = step(LayerSparsity(layers="conv*", sparsity=0.5))
    with pytest.raises(ConfigError, match=r"recipe\.steps\[0\]\.layer_sparsity\[0\]\.layers: got 'conv\*'"):
        pruned(network(), lost)
    with pytest.raises(UnknownName, match="Did you mean 'magnitude"):
        pruned(network(), step(LayerSparsity(layers="one", sparsity=0.5, pruner="magnitud")))
    with pytest.raises(ConfigError, match="not none in one"):
        pruned(network(), step(LayerSparsity(layers="one", sparsity=0.99, pruner="channels")))
    with pytest.raises(ConfigError, match="how far layer_sparsity is on its way"):
        step(LayerSparsity(layers="one", sparsity=0.5), sparsity=0.0, schedule="gradual")


@pytest.mark.parametrize("schedule", ["one_shot", "gradual", "lottery_ticket"])
def test_a_schedule_takes_every_layer_to_its_own_share(schedule) -> None:
    torch.manual_seed(0)
    net, data = spiking_dense(), frame_data(16)
    assert isinstance(data, FrameData)
    own = LayerSparsity(layers="3", sparsity=0.25)
    plan = PruneStep(sparsity=0.5, layer_sparsity=(own,), schedule=SchedulePlan(name=schedule))
    recipe = Recipe(steps=(plan,), training=TrainingPlan(epochs=6, batch_size=8, warmup_epochs=0))
    done = compress_and_train(net, recipe, data, seed=1, interface=spareto.Interface(time="time-batch"))
    assert zeros(done, "1") == 72 * 16 // 2
    assert zeros(done, "3") == 16 * 2 // 4


def test_hashes_of_recipes_without_it_stay() -> None:
    plain = Recipe(steps=(PruneStep(sparsity=0.5),))
    assert plain.hash == Recipe(steps=(PruneStep(sparsity=0.5, layer_sparsity=()),)).hash
    assert plain.hash != step(LayerSparsity(layers="one", sparsity=0.5)).hash
    assert step(LayerSparsity(layers="one", sparsity=0.8)).label == "prune float 50-80 %"
