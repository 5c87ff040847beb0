"""Where no weight format is named, every entry point counts with the same one."""

import json

import pytest

import spareto
import tiny
import workloads
from spareto import formats, hardware
from spareto.cli.cost import cost as cost_command
from spareto.core.errors import CapacityError
from spareto.profiling.energy_text import text_of
from spareto.records.cost import cheapest
from spareto.study.config import StudyConfig
from spareto.study.cost_model import CostModel

CHIPS = ("eyeriss_like", "loihi_like", "isaac_like", "edge_gpu", "zynq7020")


@pytest.fixture(scope="module", params=(0.0, 0.9), ids=str)
def workload(request):
    conv = workloads.layer("conv", channels=(2, 8), sparsity=request.param)
    return workloads.network(
        conv, workloads.layer("fc", channels=(512, 10), size=1, kernel=1, sparsity=request.param)
    )


@pytest.mark.parametrize("chip", CHIPS)
def test_entry_points_agree(chip, workload, tmp_path, capsys):
    expected = hardware.cost(workload, chip)
    assert expected.weight_format in formats.USUAL
    assert expected == hardware.cost(workload, chip, weight_format=expected.weight_format)
    assert expected == hardware.cost(workload, chip, weight_format="cheapest")

    all_usual = [hardware.cost(workload, chip, weight_format=name) for name in formats.USUAL]
    assert expected.energy_pj == min(each.energy_pj for each in all_usual)

    of_study = CostModel.of(StudyConfig(name="one", accelerator=chip))(workload)
    assert cheapest(of_study) == expected

    grid = hardware.cost_grid([workload], chip, statistics=("mean",))
    assert grid.formats[int(grid.energy_pj[0, :, 0].sum(-1).argmin())] == expected.weight_format
    assert grid.energy_pj[0, :, 0].sum(-1).min() == pytest.approx(expected.energy_pj)

    workload.save(tmp_path / "network.json")
    cost_command(tmp_path / "network.json", accelerator=chip, json=True)
    row = json.loads(capsys.readouterr().out)
    assert (row["weight_format"], row["energy_pj"]) == (expected.weight_format, expected.energy_pj)
    cost_command(tmp_path / "network.json", compare=[chip, "odin"], json=True)
    row = json.loads(capsys.readouterr().out)[0]
    assert (row["weight_format"], row["energy_pj"]) == (expected.weight_format, expected.energy_pj)


def test_energy_of_a_network_agrees_and_says_the_format():
    found = spareto.energy(tiny.network(), tiny.frame_data().test_frames, on=list(CHIPS), show=False)
    for chip, cost in found.costs.items():
        assert cost == hardware.cost(found.workload, chip)
    (told,) = [line for line in str(found).splitlines() if line.startswith("weight format")][:1]
    assert told.split()[2:] == [
        cost.weight_format for cost in list(found.costs.values())[: len(told.split()) - 2]
    ]


def test_formats_that_differ_between_layers_are_said(workload):
    best = hardware.cost(workload, "eyeriss_like", weight_format="best")
    layers = tuple(
        layer.replace(weight_format=name) for layer, name in zip(best.layers, ("rle", "cp"), strict=True)
    )
    text = text_of(None, workload, {"eyeriss_like": best.replace(layers=layers)}, {})
    assert "weights as conv\N{NO-BREAK SPACE}rle, fc\N{NO-BREAK SPACE}cp" in text


def test_the_cheapest_is_among_those_that_fit(workload, monkeypatch):
    real = hardware.workload_cost.cost_all_formats

    def small(workload, chip, *, weight_formats=None, **options):
        if set(weight_formats or ()) & refused:
            raise CapacityError([])
        return real(workload, chip, weight_formats=weight_formats, **options)

    monkeypatch.setattr(hardware.workload_cost, "cost_all_formats", small)
    refused = {"none", "bitmask"}
    assert hardware.cost(workload, "eyeriss_like").weight_format in {"rle", "cp", "uop"}
    refused = set(formats.USUAL)
    with pytest.raises(CapacityError):
        hardware.cost(workload, "eyeriss_like")


def test_mappings_are_searched_in_the_format_that_counts(workload):
    found = hardware.find_mappings(workload, "eyeriss_like")
    fixed = hardware.cost(workload, "eyeriss_like")
    named = hardware.find_mappings(workload, "eyeriss_like", weight_format=fixed.weight_format)
    assert {name: best.nest for name, best in found.items()} == {
        name: best.nest for name, best in named.items()
    }
