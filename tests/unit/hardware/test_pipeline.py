"""Layers that work at the same time: the slowest sets the pace, a barrier ends each timestep."""

from math import ceil

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import workloads
from spareto import hardware
from spareto.hardware.accelerators import _FOLDER, parse_accelerator
from spareto.records.pipeline import Pipeline
from spareto.records.workload import Workload

LOIHI, TRUENORTH, ODIN = (hardware.load_accelerator(name) for name in ("loihi_like", "truenorth", "odin"))
TWO = workloads.network(
    workloads.layer("conv", channels=(4, 16), size=16, rate=0.3),
    workloads.layer("fc", channels=(64, 10), size=1, kernel=1),
)


def test_latency_is_the_slowest_layer_and_not_the_sum_of_all():
    cost = hardware.cost(TWO, LOIHI)
    slow, fast = (layer.latency_cycles / 5 for layer in cost.layers)
    assert slow > 2 * fast
    barrier = cost.pipeline.barrier_cycles
    assert cost.step_cycles == slow + barrier
    assert cost.latency_cycles == ceil((5 + 2 - 1) * (slow + barrier) - 1e-9)
    assert cost.interval_cycles == ceil(5 * (slow + barrier) - 1e-9)


def test_a_faster_layer_that_is_not_the_slowest_changes_no_time():
    lighter = workloads.layer("fc", channels=(64, 10), size=1, kernel=1, rate=0.0)
    other = workloads.network(TWO.layers[0], lighter)
    assert hardware.cost(other, LOIHI).latency_cycles == hardware.cost(TWO, LOIHI).latency_cycles


def test_the_barrier_grows_with_the_cores_in_use():
    barriers = [
        hardware.cost(workloads.network(layer), LOIHI).pipeline.barrier_cycles
        for layer in (
            workloads.layer(channels=(2, 2), size=8),
            workloads.layer(channels=(2, 16), size=32),
            workloads.layer(channels=(2, 128), size=32),
        )
    ]
    assert barriers == [113.0, pytest.approx(113 + 352 * 15 / 127), 465.0]  # 1, 16 and 128 of 128 cores


def test_a_chip_in_real_time_takes_its_tick_however_little_there_is_to_do():
    for rate in (0.0, 0.3):
        cost = hardware.cost(workloads.network(workloads.layer(rate=rate)), TRUENORTH)
        assert cost.step_cycles == 1e6
        assert cost.latency_us == 5 * 1000


def test_leakage_is_power_by_the_time_of_the_whole_inference():
    cost = hardware.cost(TWO, LOIHI)
    (leak,) = cost.shared
    assert leak.energy_pj == pytest.approx(104.4 * cost.latency_cycles)  # mW ns = pJ
    assert cost.energy_pj == pytest.approx(sum(layer.energy_pj for layer in cost.layers) + leak.energy_pj)
    assert cost.energy_by_component()["leakage"] == leak.energy_pj


def test_what_is_shared_is_divided_among_the_layers_without_loss():
    cost = hardware.cost(TWO, LOIHI)
    layers = cost.attributed
    assert sum(layer.energy_pj for layer in layers) == pytest.approx(cost.energy_pj)
    assert sum(layer.latency_cycles for layer in layers) == pytest.approx(cost.latency_cycles)
    assert [layer.name for layer in layers] == ["conv", "fc"]


def test_the_best_format_by_layer_has_the_time_of_its_own_layers():
    best = hardware.cost(TWO, LOIHI, weight_format="best")
    pace = max(layer.latency_cycles / layer.steps for layer in best.layers) + best.pipeline.barrier_cycles
    assert best.latency_cycles == ceil(6 * pace - 1e-9)


def test_layers_on_a_single_core_take_turns():
    small = workloads.network(
        workloads.layer("a", channels=(2, 4), size=4),
        workloads.layer("b", channels=(64, 10), size=1, kernel=1),
    )
    cost = hardware.cost(small, ODIN)
    assert cost.pipeline is None
    assert cost.latency_cycles == sum(layer.latency_cycles for layer in cost.layers)


def test_an_attention_layer_that_runs_once_is_not_spread_over_the_timesteps():
    once = workloads.row("attention")
    cost = hardware.cost(workloads.network(workloads.layer("conv"), once), LOIHI)
    assert [layer.steps for layer in cost.layers] == [5, 1]
    assert cost.step_cycles >= cost.layers[1].latency_cycles


def test_more_static_power_and_longer_barriers_never_take_less():
    data = yaml.safe_load((_FOLDER / "loihi_like.yaml").read_text())
    found = []
    for times in (1, 2, 10):
        for part in data["components"]:
            if part["kind"] == "sync":
                part["barrier"] = {"value": 465 * times, "unit": "cycles", "source": "a test"}
        found.append(hardware.cost(TWO, parse_accelerator(data)))
    for number in ("energy_pj", "latency_cycles", "interval_cycles"):
        row = [getattr(cost, number) for cost in found]
        assert row == sorted(row)
        assert row[0] < row[-1]


@given(steps=st.integers(1, 20), stages=st.integers(1, 9), pace=st.floats(0, 1e6), runs=st.integers(1, 50))
def test_many_inferences_in_a_row_come_to_the_interval(steps, stages, pace, runs):
    pipeline = Pipeline(timesteps=steps, stages=stages, inferences=runs)
    assert pipeline.latency(pace) >= steps * pace - 1e-6
    assert pipeline.latency(pace) <= (steps + (stages - 1) / runs) * pace + 1
    assert Pipeline(timesteps=steps, stages=1).latency(pace) == pipeline.interval(pace)


def test_a_cost_comes_back_from_its_own_data():
    cost = hardware.cost(TWO, LOIHI)
    assert type(cost).parse(cost.to_dict(), "cost") == cost
    assert isinstance(TWO, Workload)
