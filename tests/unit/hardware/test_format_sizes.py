"""Closed forms of the storage formats, and the published rule beside each."""

from itertools import product

import numpy as np
import pytest

from spareto.core.errors import ConfigError
from spareto.formats import Size, Train, measured_formats, on_chips, spike_bits
from spareto.formats.aer import AddressEvents
from spareto.formats.bitmask import Bitmask
from spareto.formats.block_bitmask import BlockBitmask
from spareto.formats.cp import CoordinatePayload
from spareto.formats.csc import CompressedColumns
from spareto.formats.nested import NestedRanks
from spareto.formats.none import Uncompressed
from spareto.formats.rle import RunLength
from spareto.formats.time_packed import TimePacked
from spareto.formats.uop import OffsetPairs


def mask(*places, size):
    flat = np.zeros(size, np.bool_)
    flat[list(places)] = True
    return flat


@pytest.mark.parametrize(("run", "entries"), [(0, 1), (1, 1), (3, 1), (4, 2), (7, 2), (8, 3), (400, 101)])
def test_rle_counts_a_padding_entry_for_every_full_run(run, entries):
    size = RunLength(run_bits=2).size(mask(run, size=run + 5), bits=8)
    assert size == Size(entries * 8, entries * 2)


def test_rle_takes_the_run_width_that_is_smallest():
    tensor = mask(*range(0, 4096, 64), size=4096)  # runs of 63: six bits hold them, five need padding
    assert RunLength().size(tensor, 8) == RunLength(run_bits=6).size(tensor, 8)
    assert RunLength().size(tensor, 8).bits == min(RunLength(k).size(tensor, 8).bits for k in range(1, 13))


def test_bitmask_is_one_bit_an_element():
    assert Bitmask().size(mask(1, 5, size=40), 4) == Size(8, 40)


def test_cp_counts_and_coordinates():
    assert CoordinatePayload(coordinate_bits=3).size(mask(1, 5, 30, size=33), 4) == Size(12, 3 * 3 + 5 * 4)


def test_uop_is_compressed_sparse_rows():
    rows = np.zeros((3, 8), np.bool_)
    rows[0, 1] = rows[2, 7] = True
    assert OffsetPairs().size(rows, 4) == Size(8, 4 * 2 + 2 * 3)


@pytest.mark.parametrize(
    ("fmt", "density", "energy_uj"),
    [
        (OffsetPairs(), 0.25, 28.31),
        (Bitmask(), 0.25, 63.70),
        (RunLength(), 0.25, 37.34 - 0.18),
        (OffsetPairs(), 0.9, 101.92),
        (Bitmask(), 0.9, 137.31),
        (RunLength(), 0.9, 133.96),
        (Uncompressed(), 0.9, 113.25),
        (Uncompressed(), 0.25, 113.25),
    ],
)
def test_compatible_sizes_give_the_published_dram_energy(fmt, density, energy_uj):
    """884,736 weights of 16 bit, five metadata bits, DRAM at 8 pJ a bit."""
    elements = 884_736
    values = elements * 16 * (density if fmt.compatible_drops_zeros else 1.0)
    bits = values + fmt.compatible_metadata(elements, density, width=5)
    assert bits * 8e-6 == pytest.approx(energy_uj, rel=6e-3)


def test_csc_is_compressed_sparse_columns():
    columns = np.zeros((8, 3), np.bool_)
    columns[1, 0] = columns[7, 2] = True
    assert CompressedColumns().size(columns, 4) == Size(8, 4 * 2 + 2 * 3)


def test_block_bitmask_has_masks_for_live_blocks_only():
    assert BlockBitmask(block_bits=3).size(mask(1, 5, 30, size=33), 4) == Size(12, 5 + 2 * 8)
    assert BlockBitmask().size(mask(1, size=4096), 4).metadata_bits < 4096 / 8


@pytest.mark.parametrize("size", [1, 2, 3, 33, 1000])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.5, 1.0])
def test_block_bitmask_takes_the_block_that_is_smallest(size, density):
    live = np.random.default_rng(size).random(size) < density
    sizes = [
        BlockBitmask(block_bits=bits).size(live, 4).bits
        for bits in range(1, max(2, (size - 1).bit_length() + 1))
    ]
    assert BlockBitmask().size(live, 4).bits == min(sizes)


@pytest.mark.parametrize(
    "fmt", [RunLength(2), RunLength(20), BlockBitmask(0), BlockBitmask(3), BlockBitmask(9)]
)
def test_given_widths_size_many_tensors_too(fmt):
    masks = np.random.default_rng(0).random((6, 3, 35)) < np.array([0, 0.02, 0.1, 0.5, 0.9, 1])[:, None, None]
    assert fmt.sizes(masks, 4).tolist() == [fmt.size(live, 4).bits for live in masks]


def test_counts_settle_few_formats_alone():
    settled = {"none", "bitmask", "aer", "time_packed"}
    assert set(on_chips()) - set(measured_formats()) == settled


def test_measured_bits_stand_before_the_estimate():
    train = Train(4, 10, 5.0, stored={"rle": 3.0})
    assert spike_bits("rle", train) == spike_bits("best", train) == 3.0
    assert spike_bits("cp", train) == CoordinatePayload().spike_bits(train)


def test_address_events_write_every_place_in_full():
    assert AddressEvents().size(np.eye(5, 200, dtype=np.bool_), 0) == Size(0, 5 * 10)


def test_time_packing_drops_silent_neurons():
    spikes = np.zeros((4, 10), np.bool_)
    spikes[:, 3] = spikes[2, 7] = True
    assert TimePacked().size(spikes, 0) == Size(0, 10 + 2 * 4)
    assert TimePacked().spike_bits(Train(4, 10, 5.0, awake=2.0)) == 18


RANKS = ("plain", "bitmask", "coordinates", "offsets")


@pytest.mark.parametrize("leaf", ["bitmask", "coordinates"])
@pytest.mark.parametrize(
    "outer", [(), *product(RANKS), *product(RANKS, RANKS), *product(RANKS, RANKS, RANKS)]
)
def test_any_nest_of_ranks_comes_back_and_has_the_size_of_its_encoding(outer, leaf):
    fmt, rng = NestedRanks((*outer, leaf)), np.random.default_rng(len(outer))
    for density in (0.0, 0.1, 0.6, 1.0):
        tensor = rng.integers(1, 9, (5, 4, 3, 3)) * (rng.random((5, 4, 3, 3)) < density)
        encoded = fmt.encode(tensor, 8)
        np.testing.assert_array_equal(fmt.decode(encoded), tensor)
        assert encoded.size(8) == fmt.size(tensor != 0, 8)


def test_nested_offsets_over_coordinates_count_twice_what_csr_counts_once():
    rows = np.zeros((3, 8), np.bool_)
    rows[0, 1] = rows[2, 7] = True
    nested, csr = NestedRanks(("plain", "coordinates")).size(rows, 4), OffsetPairs().size(rows, 4)
    assert nested == Size(8, 3 * 4 + 2 * 3)
    assert csr.value_bits == nested.value_bits


def test_unknown_ranks_are_all_listed():
    with pytest.raises(ConfigError) as error:
        NestedRanks(("bitmaks", "offsets"))
    assert str(error.value).splitlines() == [
        "weight format 'nested'.ranks[0]: got 'bitmaks'; "
        "expected one of plain, bitmask, coordinates, offsets. Did you mean 'bitmask'?",
        "weight format 'nested'.ranks[1]: got 'offsets'; expected one of bitmask, coordinates.",
    ]


@pytest.mark.parametrize(
    ("fmt", "bits"),
    [
        (CompressedColumns(), 4 * (16 + 1 + 63 * 16)),  # offsets, 62.5 rows a column, rounded up
        (AddressEvents(), 4 * 1000),
        (NestedRanks(), 4 * (16 + 1 + 4096)),  # offsets, then a bit an element
        (NestedRanks(("bitmask", "coordinates")), 4 * (16 + 63 * 16)),  # 62.5 non-zeros a fibre, rounded up
        (NestedRanks(("bitmask",)), 4 * 4096),
        (NestedRanks(("coordinates",)), 4 * 1000),
        (BlockBitmask(), 4 * (16 + 4096)),  # no block of 256 is empty
        (TimePacked(), 4 * (16 + 4096)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_compatible_metadata_in_closed_form(fmt, bits):
    """4096 elements in 16 fibres, 1000 of them not zero, metadata words of four bits."""
    assert fmt.compatible_metadata(4096.0, 1000 / 4096, width=4, fibres=16) == pytest.approx(bits, rel=1e-3)
