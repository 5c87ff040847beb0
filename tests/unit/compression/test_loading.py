"""A state dict of other widths or quantizers is refused, and nothing of it is taken."""

import pytest
import torch
from torch import nn

import tiny
from spareto.compression import compress
from spareto.core.errors import ConfigError
from spareto.records import LayerFilter, PruneStep, QuantizeStep, Recipe
from spareto.testing.steps import state_bytes
from spareto.training import load_checkpoint, save_checkpoint

PRUNE = PruneStep(sparsity=0.5)
MINE = Recipe(steps=(PRUNE, QuantizeStep(bits=4)))
WORDS = "4 bit by quantizer 'learned_clip' per_tensor with a mask, quantize_then_mask"
OTHERS = {
    "width": (
        Recipe(steps=(PRUNE, QuantizeStep(bits=3))),
        "3 bit by quantizer 'learned_clip' per_tensor with a mask, quantize_then_mask",
    ),
    "quantizer": (
        Recipe(steps=(PRUNE, QuantizeStep(bits=4, quantizer="max_range"))),
        "4 bit by quantizer 'max_range' per_tensor with a mask, quantize_then_mask",
    ),
    "granularity": (
        Recipe(steps=(PRUNE, QuantizeStep(bits=4, granularity="per_channel"))),
        "4 bit by quantizer 'learned_clip' per_channel with a mask, quantize_then_mask",
    ),
    "order": (
        Recipe(steps=(PRUNE, QuantizeStep(bits=4)), order="mask_then_quantize"),
        "4 bit by quantizer 'learned_clip' per_tensor with a mask, mask_then_quantize",
    ),
    "no mask": (
        Recipe(steps=(QuantizeStep(bits=4),)),
        "4 bit by quantizer 'learned_clip' per_tensor without a mask",
    ),
    "no quantizer": (Recipe(steps=(PRUNE,), storage_bits=32), "floats with a mask"),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("other", OTHERS)
def test_another_recipe_is_refused(other, strict):
    recipe, theirs = OTHERS[other]
    network, state = compress(tiny.plain(), MINE), compress(tiny.plain(7), recipe).state_dict()
    before = state_bytes(network)
    with pytest.raises(ConfigError) as error:
        network.load_state_dict(state, strict=strict)
    cure = "Compress by the recipe that the state dict was made with, then load it."
    assert str(error.value).splitlines() == [
        f"state dict, weight of layer '{name}': got {theirs}; expected {WORDS}, as in this network. {cure}"
        for name in ("0", "2")
    ]
    assert state_bytes(network) == before


def test_a_bias_of_another_width():
    narrow, wide = (
        compress(tiny.plain(), Recipe(steps=(QuantizeStep(bits=4, bias_bits=bits),))) for bits in (4, 8)
    )
    with pytest.raises(ConfigError, match="state dict, bias of layer '0': got 8 bit"):
        narrow.load_state_dict(wide.state_dict())


def test_inside_of_a_larger_module():
    class Outer(nn.Module):
        def __init__(self, recipe):
            super().__init__()
            self.inner = compress(tiny.plain(), recipe)

    with pytest.raises(ConfigError, match="layer '0': got 3 bit"):
        Outer(MINE).load_state_dict(Outer(OTHERS["width"][0]).state_dict())
    Outer(MINE).load_state_dict(Outer(MINE).state_dict())


@pytest.mark.parametrize("recipe", [MINE, Recipe(steps=(PRUNE,), storage_bits=32)])
def test_files_of_older_versions_load(recipe):
    """They do not say how their weights are stored."""
    first, second = compress(tiny.plain(1), recipe).eval(), compress(tiny.plain(2), recipe).eval()
    old = {name: value for name, value in first.state_dict().items() if "_extra_state" not in name}
    second.load_state_dict(old)
    assert torch.equal(second[0].weight, first[0].weight)


def test_the_order_says_nothing_without_a_mask():
    recipes = [
        Recipe(steps=(QuantizeStep(bits=4),), order=order)
        for order in ("quantize_then_mask", "mask_then_quantize")
    ]
    first, second = (compress(tiny.plain(), recipe) for recipe in recipes)
    second.load_state_dict(first.state_dict())


def test_a_checkpoint_of_another_width(tmp_path):
    path = tmp_path / "network.safetensors"
    save_checkpoint(path, compress(tiny.plain(), OTHERS["width"][0]), None, {})
    with pytest.raises(ConfigError, match="layer '0': got 3 bit"):
        load_checkpoint(path, compress(tiny.plain(), MINE))
    same = compress(tiny.plain(3), OTHERS["width"][0])
    load_checkpoint(path, same)
    assert torch.equal(same[0].weight, compress(tiny.plain(), OTHERS["width"][0])[0].weight)


def test_a_layer_left_out_by_one_recipe():
    recipe = MINE.model_copy(update={"layers": LayerFilter(last=False)})
    with pytest.raises(RuntimeError, match="Missing key"):
        compress(tiny.plain(), MINE).load_state_dict(compress(tiny.plain(), recipe).state_dict())


class Crossed(nn.Module):
    """Norms that only a run can tell apart."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.norm2 = nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.norm1 = nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4)
        for norm in (self.norm1, self.norm2):
            nn.init.normal_(norm.running_mean)
            nn.init.normal_(norm.bias)

    def forward(self, x):
        y = self.norm1(self.conv1(x))
        return self.norm2(self.conv2(y.relu())) + y[:, :, 1:-1, 1:-1]


CHANNELS = PruneStep(sparsity=0.5, pruner="channels", scope="per_layer")
FOLDED = QuantizeStep(bits=4, fold_batch_norm=True, bias_bits=8)
SEEN = [
    (CHANNELS,),
    (FOLDED,),
    (CHANNELS, FOLDED),
    (FOLDED.model_copy(update={"start": 0.5}), CHANNELS),
    (CHANNELS.model_copy(update={"start": 0.5}), FOLDED),
]


@pytest.mark.parametrize("steps", SEEN)
def test_what_a_run_has_shown_is_read_off_the_names_of_a_state_dict(steps):
    example = torch.randn(3, 2, 8, 8)
    recipe = Recipe(steps=steps)
    first = compress(Crossed(), recipe, run=lambda net: net(example).square().sum()).eval()
    state = first.state_dict()
    empty = tuple(
        step.model_copy(update={"sparsity": 0.0}) if isinstance(step, PruneStep) else step for step in steps
    )
    second = compress(Crossed(), Recipe(steps=empty), stored=state.keys()).eval()
    assert list(second.state_dict()) == list(state)
    second.load_state_dict(state)
    assert torch.equal(second(example), first(example))
