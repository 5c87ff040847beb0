"""The fixed mapping covers every layer, fits, and never uses more units than there are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto.core.errors import CapacityError
from spareto.hardware import load_accelerator
from spareto.hardware.counting.accesses import compute_units
from spareto.hardware.describing.nest import padded
from spareto.hardware.describing.problem import LoopProblem
from spareto.hardware.mapping.capacity import Widths, overflows
from spareto.hardware.mapping.fixed import even_shares, fixed_mapping

CHIP = load_accelerator("eyeriss_like")
SIZES = st.fixed_dictionaries(
    {
        "T": st.integers(1, 40), "N": st.just(1), "M": st.integers(1, 600), "C": st.integers(1, 600),
        "P": st.integers(1, 140), "Q": st.integers(1, 140), "R": st.integers(1, 11), "S": st.integers(1, 13),
    }
)  # fmt: skip


@settings(max_examples=60)
@given(
    dims=SIZES,
    stride=st.integers(1, 4),
    input_bits=st.sampled_from([1, 8, 16]),
    bits=st.sampled_from([16, 32]),
)
def test_every_layer_is_covered_and_fits(dims, stride, input_bits, bits):
    problem, widths = LoopProblem(dims, (stride, stride)), Widths(bits, input_bits, bits, 16)
    nest = fixed_mapping(CHIP, problem, widths)
    totals = nest.totals()
    assert all(int(totals[dim][0]) >= size for dim, size in dims.items())
    assert overflows(CHIP, problem, nest, widths) == []
    assert int(compute_units(nest)[0]) <= 168
    for level in CHIP.levels:
        spread = [
            int(loop.bound[0]) for loop in nest.loops if loop.level == level.name and loop.kind == "spatial"
        ]
        assert int(np.prod(spread)) <= CHIP.fanout(level.name)


def test_it_is_deterministic_and_says_what_it_pads():
    problem = LoopProblem({"T": 5, "N": 1, "M": 13, "C": 7, "P": 29, "Q": 29, "R": 3, "S": 3})
    widths = Widths(16, 1, 16, 16)
    first, second = fixed_mapping(CHIP, problem, widths), fixed_mapping(CHIP, problem, widths)
    assert first.loops == second.loops or all(
        (a.level, a.kind, a.dim, int(a.bound[0])) == (b.level, b.kind, b.dim, int(b.bound[0]))
        for a, b in zip(first.loops, second.loops, strict=True)
    )
    extra = padded(first, problem.dims)
    totals = first.totals()
    assert extra == {d: int(totals[d][0]) - n for d, n in problem.dims.items() if int(totals[d][0]) > n}
    assert extra["M"] >= 1


def test_an_impossible_layer_says_which_memory_overflows_by_how_much():
    problem = LoopProblem({"T": 1, "N": 1, "M": 1, "C": 1, "P": 1, "Q": 1, "R": 1, "S": 1})
    with pytest.raises(CapacityError) as error:
        fixed_mapping(CHIP, problem, Widths(4000, 300, 16))
    assert str(error.value).splitlines() == [
        "eyeriss_like.ifmap_spad: got 300 bits for a single iteration; expected at most 204 (over by 96). "
        "Use narrower values or a deeper memory.",
        "eyeriss_like.weights_spad: got 4000 bits for a single iteration; "
        "expected at most 3584 (over by 416). "
        "Use narrower values or a deeper memory.",
    ]


@given(total=st.integers(1, 500), most=st.integers(1, 500))
def test_even_shares_waste_less_than_one_piece(total, most):
    shares = even_shares(total, min(total, most))
    assert shares[0] <= most
    assert shares[-1] == 1
    assert all(-(-total // share) * share - total < -(-total // share) for share in shares)
