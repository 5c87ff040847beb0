"""Epitomes as data: tables that cover the weight, rounds, and tables that fit nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spareto.core.errors import ConfigError
from spareto.records import Epitome, EpitomeStep, LayerEpitome


@st.composite
def steps_and_weights(draw):
    """A weight, its groups, and a step whose limits leave room."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (1, 3)]))
    weight = (groups * draw(st.integers(1, 9)), draw(st.integers(1, 9)), *kernel)
    margin = draw(st.integers(0, 2))
    least = (kernel[0] + margin) * (kernel[1] + margin)
    step = EpitomeStep(
        rows=draw(st.none() | st.integers(least, 4 * least)),
        columns=draw(st.none() | st.integers(1, 9)),
        margin=margin,
        input_share=draw(st.sampled_from([0.3, 0.5, 1.0])),
        output_share=draw(st.sampled_from([0.4, 1.0])),
        wrap=draw(st.booleans()),
    )
    return weight, groups, step


@given(steps_and_weights())
def test_every_weight_has_its_number_and_the_uses_add_up(drawn):
    weight, groups, step = drawn
    made = Epitome.within(weight, step, step, groups)
    assert made.index.shape == weight
    assert made.index.min() >= 0
    assert made.index.max() < made.parameters
    assert made.uses().sum() == np.prod(weight)
    assert made.parameters <= np.prod(weight) or step.margin
    assert Epitome.parse(made.to_dict(), "epitome") == made


@given(steps_and_weights())
def test_the_tables_say_what_the_definition_says(drawn):
    weight, groups, step = drawn
    made = Epitome.within(weight, step, step, groups)
    numbers = np.arange(made.parameters).reshape(made.shape)
    found = np.full(weight, -1)
    for p, row in enumerate(made.starts):
        begin = p // made.group_blocks * made.group_outputs + p % made.group_blocks * made.block[0]
        for q, (s, t, u, v) in enumerate(row):
            m, c = made.outputs_of(p), made.inputs_of(q)
            piece = numbers[s : s + m, t : t + c, u : u + weight[2], v : v + weight[3]]
            found[begin : begin + m, q * made.block[1] : q * made.block[1] + c] = piece
    assert np.array_equal(found, made.index)


@given(steps_and_weights())
def test_wrapping_saves_the_rounds_of_blocks_that_repeat(drawn):
    weight, groups, step = drawn
    wrapped = Epitome.within(weight, step, step.replace(wrap=True), groups)
    apart = Epitome.within(weight, step, step.replace(wrap=False), groups)
    assert wrapped.starts == apart.starts
    if not wrapped.plain:
        different = {(p // wrapped.group_blocks, row) for p, row in enumerate(wrapped.starts)}
        assert wrapped.rounds == len(different) * len(wrapped.starts[0])
        assert apart.rounds == len(apart.starts) * len(apart.starts[0])


def test_rounds_fall_by_the_predicted_factor():
    options = {"weight": (64, 32, 3, 3), "shape": (16, 8, 3, 3), "block": (16, 4)}
    assert Epitome.of(**options).rounds == 8  # eight input blocks, once
    assert Epitome.of(**options, wrapped=False).rounds == 8 * (64 // 16)


def test_the_whole_weight_is_plain_and_takes_one_round():
    whole = Epitome.of((6, 4, 3, 3), (6, 4, 3, 3))
    assert whole.plain
    assert whole.rounds == 1
    assert np.array_equal(whole.index.ravel(), np.arange(6 * 4 * 9))
    in_pieces = Epitome(shape=(4, 2, 1, 1), weight=(4, 2, 1, 1), block=(2, 2),
                        starts=(((0, 0, 0, 0),), ((2, 0, 0, 0),)))  # fmt: skip
    assert in_pieces.plain
    assert in_pieces.rounds == 1


@pytest.mark.parametrize("size", [(10, 7), (5, 3), (9, 8)])
def test_channels_that_divide_nothing_are_cut_exactly(size):
    made = Epitome.of((*size, 3, 3), (4, 2, 3, 3))
    assert made.index.shape == (*size, 3, 3)
    assert sum(made.outputs_of(p) for p in range(len(made.starts))) == size[0]
    assert sum(made.inputs_of(q) for q in range(len(made.starts[0]))) == size[1]


def test_limits_of_a_layer_and_a_layer_within_them():
    step = EpitomeStep(rows=18, columns=4)
    made = Epitome.within((8, 4, 3, 3), LayerEpitome(layers="*", rows=18), step)
    assert made.shape == (8, 2, 3, 3)
    assert Epitome.within((4, 2, 3, 3), step, step).plain
    with pytest.raises(ConfigError, match="got 8; expected at least 9, for one input channel of 3 x 3"):
        Epitome.within((8, 4, 3, 3), LayerEpitome(layers="*", rows=8), step)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"starts": (((0, 0, 0, 0),),)}, "expected 2 rows of 2 pieces"),
        ({"starts": (((0, 0, 0, 0), (0, 3, 0, 0)),) * 2}, "input channels 3 to 5"),
        ({"starts": (((1, 0, 0, 0), (0, 0, 0, 0)),) * 2}, "output channels 1 to 3"),
        ({"shape": (5, 4, 3, 3)}, "5 output channels"),
        ({"groups": 3}, "a multiple of 3 groups"),
    ],
)
def test_tables_that_do_not_fit_are_refused_with_their_place(changes, told):
    fields = {
        "shape": (2, 4, 3, 3),
        "weight": (4, 4, 3, 3),
        "block": (2, 2),
        "starts": (((0, 0, 0, 0),) * 2,) * 2,
    }
    Epitome.parse(fields, "epitome")
    with pytest.raises(ConfigError, match=told):
        Epitome.parse({**fields, **changes}, "epitome")
