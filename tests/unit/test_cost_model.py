"""What a study's trials cost: the formats it asks for, and what it refuses."""

import pytest

import workloads
from spareto import formats, hardware
from spareto.core.errors import UnknownName
from spareto.study.config import StudyConfig
from spareto.study.cost_model import CostModel

NETWORK = workloads.network()


def costing(**options):
    return CostModel.of(StudyConfig(name="test", **options))


def test_costs_come_in_the_order_the_study_names_them():
    costs = costing(weight_formats=("rle", "none", "csc"))(NETWORK)
    assert [cost.weight_format for cost in costs] == ["rle", "none", "csc"]
    chip = hardware.load_accelerator("eyeriss_like")
    assert costs[0] == hardware.cost(NETWORK, chip, weight_format="rle")


def test_the_best_of_all_formats_by_layer():
    (best,) = costing(weight_formats=("best",))(NETWORK)
    assert best == hardware.cost(NETWORK, hardware.load_accelerator("eyeriss_like"), weight_format="best")


def test_best_goes_along_with_other_formats():
    costs = costing(weight_formats=("none", "best"))(NETWORK)
    assert [cost.weight_format for cost in costs] == ["none", "best"]


@pytest.mark.parametrize("accelerator", ["loas_like", "loihi_like", "microcontroller"])
def test_a_study_runs_on_any_kind_of_accelerator(accelerator):
    costs = costing(accelerator=accelerator, weight_formats=("none", "bitmask"))(NETWORK)
    assert {cost.accelerator for cost in costs} == {accelerator}


def test_spikes_in_the_format_the_study_names_or_else_the_accelerators_own():
    assert costing(accelerator="loas_like")(NETWORK)[0].spike_format == "time_packed"
    assert costing(accelerator="loas_like", spike_format="aer")(NETWORK)[0].spike_format == "aer"
    assert costing(spike_format="aer").hash != costing().hash


def test_unknown_formats_are_all_named():
    with pytest.raises(UnknownName) as error:
        costing(weight_formats=("rle", "bitmaks"), spike_format="aerr")
    known = ", ".join((*formats.on_chips(), "best"))
    assert str(error.value).splitlines() == [
        f"study.weight_formats[1]: got 'bitmaks'; expected one of {known}. Did you mean 'bitmask'?",
        f"study.spike_format: got 'aerr'; expected one of {known}. Did you mean 'aer'?",
    ]
