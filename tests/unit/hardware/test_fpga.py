"""The `fpga` kind: memories, cycles and room."""

import numpy as np
import pytest

import workloads
from spareto import hardware
from spareto.core.errors import CapacityError
from spareto.fpga.compression import compressed
from spareto.fpga.visits import visits
from spareto.fpga.windows import BitLayout, sliding
from spareto.hardware.fabric.memories import block_rams
from spareto.hardware.fabric.reach import longest, uses
from spareto.hardware.fabric.rows import words_of
from spareto.hardware.fabric.timing import Stage, total_cycles

CHIP = hardware.load_accelerator("zynq7020")


@pytest.mark.parametrize(
    ("rows", "bits", "blocks"),
    [
        (784, 512, 14.5),  # 29 halves of 1024 rows and 18 bits: what yosys takes for the Spiker+ design
        (784, 768, 21.5),
        (512, 36, 0.5),
        (1024, 36, 1.0),
        (4096, 9, 1.0),
        (2048, 9, 0.5),
        (128, 32, 0.5),
        (63, 4096, 0.0),
        (64, 63, 0.0),
    ],
)
def test_block_memories(rows, bits, blocks):
    assert block_rams(rows, bits) == blocks


def test_a_timestep_scans_all_inputs_or_none():
    stage = Stage("neurons", taps=784)
    assert [stage.cycles(spikes) for spikes in (0, 1, 784)] == [3, 787, 787]


def test_events_take_a_cycle_each():
    stage = Stage("neurons", "event", taps=784, passes=4, loads=1)
    assert [stage.cycles(spikes) - stage.silent for spikes in (0, 1, 10)] == [0, 4, 40]


def test_stages_work_side_by_side():
    stages = [Stage("neurons", taps=784), Stage("neurons", taps=128)]
    spikes = [[50] * 100, [5] * 100]
    total = total_cycles(stages, spikes, [[0] * 100] * 2, [False] * 99 + [True], 25, 10)
    # the frame, the slower stage, the last timestep of the other, the vote, a cycle a class
    assert total == 25 + 100 * 787 + 131 + 1 + 10


def test_words_are_those_of_the_compressed_rows():
    rng = np.random.default_rng(0)
    weights = rng.integers(-7, 8, (24, 50)) * (rng.random((24, 50)) < 0.2)
    rows = compressed(weights, 8)
    assert np.array_equal(words_of(weights != 0, 8), rows.counts)
    back = np.zeros_like(weights)
    for column, (start, count) in enumerate(zip(rows.starts, rows.counts, strict=True)):
        for word in range(start, start + count):
            for unit in range(8):
                back[rows.slots[word, unit] * 8 + unit, column] += rows.weights[word, unit]
    assert np.array_equal(back, weights)


@pytest.mark.parametrize("seed", range(12))
def test_lists_of_a_convolution_are_those_that_are_written(seed):
    rng = np.random.default_rng(seed)
    kernel, stride, padding = rng.integers(1, 4, 2), rng.integers(1, 3, 2), rng.integers(0, 2, 2)
    sides = rng.integers(4, 8, 2)
    plane = (sides + 2 * padding - kernel) // stride + 1
    geometry = [tuple(axis.tolist()) for axis in (kernel, stride, padding, sides, plane)]
    window = sliding(BitLayout((2, *geometry[3]), pixels=False), *geometry[:3])
    found = visits(window, np.ones(2 * int(kernel.prod()), bool))
    assert len(found.columns) == 2 * uses(*geometry).sum()
    assert found.counts.max() == longest(*geometry)
    often = np.bincount(found.columns).reshape(2, *geometry[0])
    assert (often == uses(*geometry)).all()


def test_a_convolution_that_reads_events_takes_the_cycles_of_its_words():
    network = workloads.network(workloads.layer("conv", size=8, kernel=3, channels=(2, 8), rate=0.05))
    event = CHIP.model_copy(update={"inputs": "event"})
    scan, events = (hardware.cost(network, chip, weight_format="none") for chip in (CHIP, event))
    assert events.layers[0].latency_cycles < scan.layers[0].latency_cycles
    assert events.layers[0].stored_bits > scan.layers[0].stored_bits


def dense(**changes):
    return workloads.network(workloads.layer("dense", size=1, kernel=1, **changes))


def test_a_dense_layer_costs_the_cycles_of_its_stage():
    found = hardware.cost(dense(channels=(64, 32), timesteps=5), CHIP, weight_format="none")
    assert found.layers[0].latency_cycles == 5 * (3 + 64)


def test_exact_integers_take_a_multiplication_by_bits():
    exact = CHIP.model_copy(update={"semantics": "spareto"})
    network = dense(channels=(64, 32), timesteps=5)
    plain, scaled = (hardware.cost(network, chip, weight_format="none") for chip in (CHIP, exact))
    assert scaled.resources["lut"] > 4 * plain.resources["lut"]
    digits = scaled.layers[0].latency_cycles / 5 - 3 - 64
    assert digits == int(digits)
    assert 15 <= digits <= 24


def test_a_format_that_locates_zeros_means_compressed_rows():
    few = CHIP.model_copy(update={"lanes": CHIP.lanes.model_copy(update={"value": 4.0})})
    network = dense(channels=(64, 32), sparsity=0.8, rate=0.1)
    plain, sparse = (hardware.cost(network, few, weight_format=name) for name in ("none", "csc"))
    assert sparse.layers[0].latency_cycles < plain.layers[0].latency_cycles
    assert sparse.layers[0].stored_bits < plain.layers[0].stored_bits


def test_a_cost_says_what_its_stages_take():
    network = dense(channels=(784, 128), bits=4)
    few = CHIP.model_copy(update={"lanes": CHIP.lanes.model_copy(update={"value": 8.0})})
    wide, narrow = (hardware.cost(network, chip, weight_format="none").resources for chip in (CHIP, few))
    assert wide["bram"] == 14.5
    assert narrow["lut"] < wide["lut"]
    assert f"{wide['lut']:,.0f} LUTs" in hardware.cost(network, CHIP, weight_format="none").layers[0].notes[0]


def test_a_network_that_does_not_fit_is_refused():
    small = CHIP.fabric.model_copy(update={"luts": CHIP.fabric.luts.model_copy(update={"value": 100.0})})
    with pytest.raises(CapacityError, match="LUTs"):
        hardware.cost(dense(channels=(64, 32)), CHIP.model_copy(update={"components": (small,)}))
