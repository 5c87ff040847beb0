"""Every registered quantizer keeps the laws; a new file in quantizers/ is tested here unasked."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spareto.core.errors import ConfigError
from spareto.quantizers import registry
from spareto.quantizers.rounding import registry as roundings
from spareto.testing import quantizers as laws

GRANULARITIES = ("per_tensor", "per_channel")
ALL = [
    (name, bits, granularity, rounding)
    for name in registry.names()
    for bits in registry.get(name).bits_supported
    for granularity in GRANULARITIES
    for rounding in roundings.names()
]
VARIANTS = [  # the straight-through ones, and the other roundings at the fewest bits
    variant
    for variant in ALL
    if variant[3] == "straight_through" or variant[1] == registry.get(variant[0]).bits_supported[0]
]
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
NUMBERS = FINITE | st.floats(-1, 1, width=32) | st.sampled_from([0.0, -0.0, 1e-45, -1e-40, 3.4e38, -3.4e38])
SHAPES = hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=4)
WEIGHTS = hnp.arrays(np.float32, SHAPES, elements=NUMBERS).map(torch.from_numpy)
SPECIAL = {
    "ordinary": torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(0)),
    "double": torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
    "zeros": torch.zeros(4, 3),
    "negative zeros": -torch.zeros(4, 3),
    "constant": torch.full((4, 3), 0.3),
    "negative constant": torch.full((4, 3), -0.3),
    "one element": torch.tensor([[-0.7]]),
    "denormal": torch.tensor([[1e-45, -1e-40], [3e-39, 0.0]]),
    "largest": torch.tensor([[3.4028e38, -3.4028e38], [1.0, 0.0]]),
    "huge range": torch.tensor([[1e-30, 1e30], [-1e-10, 1e10]]),
    "a channel of zeros": torch.tensor([[0.0, 0.0], [0.5, -1.5]]),
}
LAWS = [
    laws.check_scale,
    laws.check_codes,
    laws.check_forward_is_its_codes,
    laws.check_idempotent,
    laws.check_levels,
    laws.check_facts,
    laws.check_gradient,
    laws.check_follows,
]
RESTARTING = [laws.check_copies, laws.check_channels_independent]  # slow: they choose scales anew


def check_all(quantizer, weight, which):
    for law in which:
        law(quantizer, weight)


@pytest.fixture(params=VARIANTS, ids=str)
def variant(request):
    return request.param


@pytest.fixture(
    params=[v for v in VARIANTS if v[1] in (*registry.get(v[0]).bits_supported[::14], 4)], ids=str
)
def one_of_few(request):
    """The fewest bits, 4 and 16: for what does not hang on the width."""
    return request.param


def started(variant, weight, live=None):
    name, bits, granularity, rounding = variant
    quantizer = registry.make(name, bits=bits, granularity=granularity, rounding=rounding)
    quantizer.start(weight, live)
    return quantizer


def test_special_weights(variant):
    for weight in SPECIAL.values():
        check_all(started(variant, weight), weight, LAWS)


def test_copies_and_channels(one_of_few):
    check_all(started(one_of_few, SPECIAL["ordinary"]), SPECIAL["ordinary"], RESTARTING)


@settings(max_examples=200)
@given(variant=st.sampled_from(ALL), weight=WEIGHTS)
def test_any_finite_weight(variant, weight):
    check_all(started(variant, weight), weight, LAWS + RESTARTING)


@settings(max_examples=100)
@given(variant=st.sampled_from(ALL), first=WEIGHTS, data=st.data())
def test_scales_chosen_for_another_weight_serve_any_weight(variant, first, data):
    """In training the weight moves away from the one the scales were chosen for."""
    quantizer = started(variant, first)
    weight = torch.from_numpy(data.draw(hnp.arrays(np.float32, first.shape, elements=NUMBERS)))
    for law in (
        laws.check_scale,
        laws.check_codes,
        laws.check_idempotent,
        laws.check_facts,
        laws.check_gradient,
    ):
        law(quantizer, weight)


def test_scales_learn_even_where_no_weight_is_live(one_of_few):
    """A pruned channel keeps its real weights below the mask; its scale must not turn into a NaN."""
    weight = torch.tensor([[0.3, -0.2], [0.5, -1.5]])
    quantizer = started(one_of_few, weight, live=torch.tensor([[False, False], [True, True]]))
    quantizer(weight.requires_grad_()).sum().backward()
    for name, parameter in quantizer.named_parameters():
        assert torch.isfinite(parameter.grad).all(), f"the gradient of {name} is not finite"


@pytest.mark.parametrize("name", registry.names())
def test_a_width_without_codes_is_refused(name):
    with pytest.raises(ConfigError, match=rf"^quantizer '{name}'\.bits: got 17; expected .* bits?\.$"):
        registry.make(name, bits=17)


def test_one_bit_points_to_the_sign_quantizer():
    with pytest.raises(ConfigError) as error:
        registry.make("learned_clip", bits=1)
    where, cure = "quantizer 'learned_clip'.bits", "Use quantizer 'sign' for binary weights."
    assert str(error.value) == f"{where}: got 1; expected 2 to 16 bits. {cure}"


def test_the_studys_quantizers_are_registered():
    assert {"duq", "learned_clip", "lsq", "max_range", "sign", "ternary"} <= set(registry.names())


def test_training_breaks_no_law(one_of_few):
    """A few rough steps of an optimizer, which also push learned scales through zero."""
    weight = torch.nn.Parameter(SPECIAL["ordinary"].clone())
    quantizer = started(one_of_few, weight)
    target = weight.detach().flip(0)
    optimizer = torch.optim.Adam([weight, *quantizer.parameters()], lr=0.2)
    for _ in range(12):
        optimizer.zero_grad()
        (quantizer(weight) - target).square().sum().backward()
        optimizer.step()
    kept = [laws.check_scale, laws.check_codes, laws.check_forward_is_its_codes, laws.check_levels]
    check_all(quantizer.eval(), weight.detach(), [*kept, laws.check_facts, laws.check_gradient])
