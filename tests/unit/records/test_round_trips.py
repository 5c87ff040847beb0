"""Every record goes to JSON and back without loss."""

import pytest

import factories
from spareto.records import DataPlan, LayerFilter, Recipe, TrainingPlan

RECORDS = [
    *factories.recipes(),
    *factories.study()[::6],
    Recipe(
        name="ü", layers=LayerFilter(include=("conv.*",), exclude=("conv.1",)), order="mask_then_quantize"
    ),
    TrainingPlan(epochs=0, learning_rate=3e-4, weight_decay=0.1, loss="cross_entropy_rate"),
    DataPlan(
        name="nmnist", timesteps=16, binary=False, options={"root": "../x", "held_out": 5, "flip": None}
    ),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_json_and_back(record, tmp_path):
    path = tmp_path / "record.json"
    record.save(path)
    assert type(record).load(path) == record
    assert type(record).parse(record.to_dict(), "record") == record


def test_costs_add_up_over_layers_and_components():
    cost = factories.study()[-1].costs[1]
    assert cost.energy_pj == pytest.approx(sum(cost.energy_by_component().values()))
    assert cost.energy_pj == pytest.approx(sum(layer.energy_pj for layer in cost.layers))
    assert cost.latency_cycles == sum(layer.latency_cycles for layer in cost.layers)


def test_the_best_cost_of_a_trial_takes_the_least_energy():
    for trial in factories.study():
        assert trial.energy_pj == min(cost.energy_pj for cost in trial.costs)
