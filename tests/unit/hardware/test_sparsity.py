"""Shares of live weights, live inputs and work left, in closed form."""

import pytest

import workloads
from spareto.hardware import sparsity_by_step


def test_the_steps_of_a_layer_sum_to_its_counts():
    layer = workloads.layer(channels=(8, 16), size=8, rate=0.2, sparsity=0.5)
    rows = sparsity_by_step(workloads.network(layer))
    assert [row.step for row in rows] == list(range(5))
    assert sum(row.live_inputs for row in rows) * layer.input.size == pytest.approx(layer.input.nonzero_mean)
    assert {row.live_weights for row in rows} == {1 - layer.weight_sparsity}
    work = sum(row.work for row in rows) * layer.dense_synops_inside / 5
    assert work == pytest.approx(layer.effectual_synops_mean)


def test_all_weights_alive_leave_the_work_of_the_inputs_and_all_inputs_that_of_the_weights():
    whole = {"channels": (8, 4), "size": 1, "kernel": 1}
    for row in sparsity_by_step(workloads.network(workloads.layer(sparsity=0.0, rate=0.3, **whole))):
        assert row.work == pytest.approx(row.live_inputs)
    for row in sparsity_by_step(workloads.network(workloads.layer(sparsity=0.4, rate=1.0, **whole))):
        assert row.work == pytest.approx(row.live_weights)


def test_a_silent_layer_has_no_work():
    rows = sparsity_by_step(workloads.network(workloads.layer(rate=0.0)))
    assert {(row.live_inputs, row.work) for row in rows} == {(0.0, 0.0)}
