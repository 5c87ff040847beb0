"""Layers on arrays of ours as files of Timeloop: what is read again costs the same, to the last bit."""

import pytest

import workloads
from spareto import hardware
from spareto.hardware.counting.accesses import count_accesses
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.problem import LoopProblem
from spareto.reproduction.timeloop.cases import contradictions, run_case
from spareto.reproduction.timeloop.files import TimeloopFiles, read_files, write_files
from spareto.reproduction.timeloop.files.workload import read_problem
from spareto.reproduction.timeloop.ours import case_of

ARRAYS = [name for name in hardware.accelerator_names()
          if isinstance(hardware.load_accelerator(name), Accelerator)]  # fmt: skip
LAYERS = {
    "conv": workloads.layer(channels=(4, 8), size=7, stride=2),
    "grouped": workloads.layer(channels=(6, 12), size=6, groups=3, bits=4),
    "dense": workloads.layer(channels=(40, 10), size=1, kernel=1, analog=True),
    "float": workloads.layer(channels=(4, 8), size=5, bits=32),
}


def figures(cases):
    found = run_case(cases, cases.cases[0], sparse=False)
    return {key: float(pj[0]) for key, pj in found.energy_pj.items()}, float(found.cycles[0])


@pytest.mark.parametrize("style", ["0.3", "0.4"])
@pytest.mark.parametrize("kind", sorted(LAYERS))
@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_written_reads_back_to_the_same_cost(tmp_path, name, kind, style):
    chip, layer = hardware.load_accelerator(name), LAYERS[kind]
    cases, notes = case_of(chip, layer, hardware.fixed_nest(layer, chip))
    assert not list(contradictions(cases))
    assert notes[0].startswith("dense")
    write_files(cases, cases.cases[0], tmp_path, style)
    files = TimeloopFiles(tmp_path / "arch.yaml", tmp_path / "map.yaml", tmp_path / "ERT.yaml")
    again, _ = read_files(files, read_problem(tmp_path / "prob.yaml"), layer.name)
    assert figures(again) == figures(cases)


@pytest.mark.parametrize("name", ARRAYS)
def test_its_accesses_are_those_that_we_charge(name):
    """At the outermost memory every element of the weights is read as often as in our own accounting."""
    chip, layer = hardware.load_accelerator(name), LAYERS["grouped"]
    nest = hardware.fixed_nest(layer, chip)
    cases, _ = case_of(chip, layer, nest)
    outer = chip.memories[0].name
    tally = run_case(cases, cases.cases[0], sparse=False).tallies[outer, "weights"]
    own = count_accesses(LoopProblem.of(layer), nest, chip.kept)[outer, "weights"]
    assert float(tally.reads[0]) == 3 * int(own.reads[0])
