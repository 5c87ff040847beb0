"""`cost-cases` files: what they may say, and what is refused before anything is costed."""

import copy
import math

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto.core.errors import ConfigError
from spareto.reproduction.timeloop.cases import CostCases, load_cost_cases, reproduce_cost_cases, run_case

ALL = ["weights", "inputs", "outputs"]


SKIP = {"tensor": "weights", "kind": "skip", "on": ["inputs"]}


def as_entries(loops):
    return [dict(zip(("level", "kind", "dim", "bound"), each, strict=True)) for each in loops]


def document(**changes):
    """A small convolution with a halo, on two levels and eight units."""
    far = {
        "name": "far",
        "keeps": ALL,
        "word_bits": 16,
        "words_per_access": 1,
        "read_pJ": 100.0,
        "write_pJ": 100.0,
    }
    far |= {"metadata_word_bits": 4, "metadata_read_pJ": 1.0, "metadata_write_pJ": 1.0}
    near = {"name": "near", "keeps": ALL, "read_pJ": 1.0, "write_pJ": 1.0, "words_per_access": 1}
    loops = [("far", "temporal", "C", 2), ("far", "temporal", "Q", 3), ("near", "spatial", "M", 8),
             ("near", "temporal", "Q", 4), ("near", "temporal", "S", 3)]  # fmt: skip
    case = {
        "layer": "small",
        "dims": {"M": 8, "C": 2, "Q": 12, "S": 3},
        "density": {"inputs": 0.25, "weights": 0.5},
        "loops_outermost_first": as_entries(loops),
        "expected": {"dense": {"energy_uJ": {"far": 1.0}, "total_uJ": 1.0, "cycles": 72}},
    }  # fmt: skip
    architecture = {
        "levels_outermost_first": [far, near, {"name": "mac", "mac_pJ": 1.0}],
        "instances": {"mac": 8},
    }
    return {"architecture": architecture, "cases": [case], **changes}


def saved(tmp_path, data):
    path = tmp_path / "cases.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def changed(change):
    data = copy.deepcopy(document())
    change(data)
    return data


def test_it_runs_and_says_whose_accounting_it_follows(tmp_path):
    rows = reproduce_cost_cases(saved(tmp_path, document()))
    assert {row["first_partial_sums"] for row in rows} == {"free"}
    assert [row["ours"] for row in rows if row["quantity"] == "cycles"] == [72.0]
    named = reproduce_cost_cases(saved(tmp_path, document(tool="sparseloop-micro2022")))
    assert {row["first_partial_sums"] for row in named} == {"charged"}
    asked = reproduce_cost_cases(saved(tmp_path, document()), "charged")
    assert {row["first_partial_sums"] for row in asked} == {"charged"}


def loop(place, **changes):
    return lambda data: data["cases"][0]["loops_outermost_first"][place].update(changes)


def levels(data):
    return data["architecture"]["levels_outermost_first"]


def units(data):
    return data["architecture"]["instances"]


def case(data):
    return data["cases"][0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (loop(1, bound=2), r"loops_outermost_first, Q: got 2 x 4 = 8; expected bounds that mult"),
        (loop(1, bound=4), r"Q: got 4 x 4 = 16; .*layer's 12. Or say `padded: \{Q: 4\}`"),
        (loop(2, bound=4), "M: got 4 = 4; expected bounds that"),
        (loop(2, bound=16), "mac: got all spatial loops outside it: 16 instances; expected at most 8"),
        (loop(4, dim="Q"), r"loops_outermost_first: got two temporal loops over Q at 'near'"),
        (loop(0, level="nearby"), r"\[0\].level: got 'nearby'; expected one of far"),
        (loop(0, level="near"), "got a loop of an outer level after one further in"),
        (loop(0, bound=0), r"\[0\]\.bound: got 0; expected greater than or equal to 1"),
        (loop(0, bound=10**9), "Or say `padded"),
        (lambda d: d["cases"].append(case(d)), r"cases\[1\]\.layer: got 'small' a second time"),
        (lambda d: units(d).update(mac=0), r"instances\.mac: got 0; expected greater than"),
        (lambda d: units(d).update(mac=4), "mac: got all spatial loops outside it: 8 inst"),
        (lambda d: units(d).update(PE=7), "PE: got all spatial loops outside it: 8 inst"),
        (lambda d: levels(d).pop(), "got no compute level; expected a level w"),
        (lambda d: levels(d).append({"name": "far"}), "two levels called 'far'"),
        (lambda d: levels(d).append({"name": "x"}), "it at the last level, 'x'"),
        (lambda d: [x.update(keeps=["inputs"]) for x in levels(d)[:2]],
         "got no level that keeps weights; expected one for each"),
        (lambda d: case(d)["expected"]["dense"]["energy_uJ"].update(near_by=1.0),
         r"expected\.dense\.energy_uJ: got the component 'near_by'; expected one of far"),
        (lambda d: case(d)["dims"].update(M=0), r"dims\.M: got 0"),
        (lambda d: case(d)["density"].update(inputs=1.5), r"density\.inputs: got 1.5"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(tmp_path, change, told):
    with pytest.raises(ConfigError, match=told):
        reproduce_cost_cases(saved(tmp_path, changed(change)))


NUMBERS = ["depth", "width_bits", "word_bits", "words_per_access", "metadata_word_bits",
           "read_words_per_cycle", "write_words_per_cycle", "shared_words_per_cycle"]  # fmt: skip
ENERGIES = ["read_pJ", "write_pJ", "gated_read_pJ", "gated_write_pJ", "metadata_read_pJ", "metadata_write_pJ",
            "decompression_pJ", "compression_pJ", "update_pJ", "leak_pJ"]  # fmt: skip


@pytest.mark.parametrize("key", [*NUMBERS, *ENERGIES, "mac_pJ"])
@pytest.mark.parametrize("value", [0, -1, math.nan, 1e30, 0.5])
def test_every_number_of_a_level_is_refused_or_raises_the_energy_in_order(tmp_path, key, value):
    place = 2 if key == "mac_pJ" else 0
    data = changed(lambda d: d["architecture"]["levels_outermost_first"][place].update({key: value}))
    refused = value == -1 or math.isnan(value) or value == 1e30
    refused = refused or (key in NUMBERS and value == 0)
    refused = refused or (value == 0.5 and key in ("word_bits", "words_per_access", "metadata_word_bits"))
    if refused:
        where = (
            "got the number nan" if math.isnan(value) else rf"levels_outermost_first\[{place}\]\.{key}: got"
        )
        with pytest.raises(ConfigError, match=where):
            load_cost_cases(saved(tmp_path, data))
        return
    energies = []
    for amount in (value, value + 1, value + 2):
        data["architecture"]["levels_outermost_first"][place][key] = amount
        rows = reproduce_cost_cases(saved(tmp_path, data))
        energies.append(
            sum(row["ours"] for row in rows if row["component"] == "total" and row["quantity"] != "cycles")
        )
    assert energies == sorted(energies)
    assert all(math.isfinite(each) and each > 0 for each in energies)


def test_updates_leakage_and_a_shared_port_in_closed_form(tmp_path):
    """Of sixteen `near` eight are in use, each updated 72 times; an access takes 1 pJ."""

    def run(**more):
        data = changed(lambda d: d["architecture"]["levels_outermost_first"][1].update(more))
        data["architecture"]["instances"] = {"near": 16}
        data["cases"][0]["loops_outermost_first"][2]["level"] = "far"
        data["cases"][0]["expected"]["dense"]["energy_uJ"] = {"near": 1.0}
        rows = reproduce_cost_cases(saved(tmp_path, data))
        near = next(row["ours"] for row in rows if row["component"] == "near")
        return near * 1e6, next(row["ours"] for row in rows if row["quantity"] == "cycles")

    energy, cycles = run()
    assert cycles == 72
    assert run(update_pJ=3.0)[0] - energy == pytest.approx(2 * 8 * 72)
    assert run(leak_pJ=0.5)[0] - energy == pytest.approx(0.5 * 16 * 72)
    assert run(shared_words_per_cycle=0.5)[1] == pytest.approx(energy / 8 / 0.5)


def test_padding_that_is_said_is_run_and_shown(tmp_path):
    data = changed(loop(1, bound=4))
    data["cases"][0]["padded"] = {"Q": 4}
    rows = reproduce_cost_cases(saved(tmp_path, data))
    assert all(row["padded"] == {"Q": 4} for row in rows)
    assert [row["ours"] for row in rows if row["quantity"] == "cycles"] == [96.0]


def sparse(ranks, *, density=0.25, tile=4, tiles=3, bits=None, offset=None, repeats=1):
    """Metadata bits and words of the inputs of one row, read `repeats` times tile by tile."""
    data = document()
    loops = [("far", "temporal", "M", repeats), ("far", "temporal", "Q", tiles),
             ("near", "temporal", "Q", tile), ("near", "temporal", "S", 3)]  # fmt: skip
    case = data["cases"][0] | {
        "dims": {"M": repeats, "Q": tile * tiles, "S": 3},
        "density": {"inputs": density},
    }
    case["loops_outermost_first"] = [
        dict(zip(("level", "kind", "dim", "bound"), x, strict=True)) for x in loops
    ]
    case["expected"] = {"sparse": {"energy_uJ": {}, "total_uJ": 1, "cycles": 1}}
    entry = {"level": "far", "tensors": ["inputs"], "ranks": ranks, "bits": bits, "offset_bits": offset}
    data |= {"cases": [case], "sparse_run": {"formats": [entry]}}
    cases = CostCases.parse(data, "cases")
    tally = run_case(cases, cases.cases[0], sparse=True).tallies["far", "inputs"]
    return tally.metadata_read_bits[0], tally.reads[0]


@settings(max_examples=60)
@given(
    tile=st.integers(1, 9), tiles=st.integers(1, 6), repeats=st.integers(1, 4), bits=st.integers(1, 9),
    density=st.floats(0.05, 0.9),
)  # fmt: skip
def test_rows_and_halos_in_the_outermost_memory(tile, tiles, repeats, bits, density):
    """words = ceil(A / N x F x L x d) of run lengths, and A / N x (F + 1) offsets."""
    size, child = tile * tiles + 2, tile + 2
    accesses = repeats * (child + (tiles - 1) * min(tile, child)) if tiles > 1 else child
    words = math.ceil(accesses / size * tiles * child * density)
    offsets = math.ceil(accesses / size * (tiles + 1))
    metadata, reads = sparse(
        ["UOP", "RLE"], density=density, tile=tile, tiles=tiles, repeats=repeats, bits=bits, offset=7
    )
    assert metadata == pytest.approx(words * bits + offsets * 7)
    assert reads == accesses - math.floor(accesses * (1 - density))


def test_ranks_and_widths_are_what_the_file_says():
    plain, _ = sparse(["RLE"])
    assert plain == math.ceil(14 * 0.25 * 4)
    assert sparse(["RLE"], bits=8)[0] == 2 * plain
    assert sparse(["B"])[0] == 14 * 4
    rows = 4 * 4  # three rows and one offset more
    assert sparse(["UOP", "CP"])[0] == 3 * math.ceil(6 * 0.25) * 4 + rows
    assert sparse(["UOP", "B"])[0] == 18 * 4 + rows
    assert sparse(["UOP", "CP"], offset=1)[0] == 3 * math.ceil(6 * 0.25) * 4 + 4


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"dram": "inputs in UOP+XYZ"}, r"sparse_run\.dram: got 'inputs in UOP\+XYZ'; expected 'TENSORS"),
        ({"dram": "inputs in UOP+RLE (run length 0 bit)"}, "expected 'TENSORS in"),
        ({"dram": "spikes in RLE"}, r"sparse_run\.dram: got 'spikes in RLE'; expected tensors one"),
        ({"weights_spad": "gated on Tuesdays"}, r"sparse_run\.weights_spad: got 'gated on Tuesdays'"),
        ({"formats": [{"level": "mac", "tensors": [], "ranks": ["RLE"]}]}, "the level 'mac'"),
        ({"formats": [{"level": "far", "tensors": [], "ranks": ["RLE", "CP"]}]}, r"got RLE\+CP"),
        ({"savings": [SKIP | {"level": "x"}]}, "the level 'x'"),
    ],
)  # fmt: skip
def test_sparse_runs_that_nobody_understands_are_refused(tmp_path, run, told):
    data = document(sparse_run=run)
    data["cases"][0]["expected"]["sparse"] = data["cases"][0]["expected"]["dense"]
    with pytest.raises(ConfigError, match=told):
        reproduce_cost_cases(saved(tmp_path, data))


def test_compressing_and_decompressing_take_energy_where_it_is_done(tmp_path):
    data = document(sparse_run={"dram": "inputs and outputs in UOP+RLE"})
    data["cases"][0]["density"]["outputs"] = 0.5
    cases = CostCases.parse(data, "cases")
    plain = run_case(cases, cases.cases[0], sparse=True)
    tallies = plain.tallies["near", "inputs"], plain.tallies["near", "outputs"]
    assert tallies[0].decompressed[0] == 28  # both channels of fourteen columns, zeros included
    assert tallies[0].compressed[0] == 0
    assert tallies[1].compressed[0] == 96  # half of what leaves: 96 outputs, once a channel
    data["architecture"]["levels_outermost_first"][1] |= {"decompression_pJ": 2.0, "compression_pJ": 3.0}
    cases = CostCases.parse(data, "cases")
    dearer = run_case(cases, cases.cases[0], sparse=True)
    more = {key: float((dearer.energy_pj[key] - plain.energy_pj[key])[0]) for key in plain.energy_pj}
    assert more["near", "inputs"] == 28 * 2.0
    assert more["near", "outputs"] == 96 * 3.0 + float(tallies[1].decompressed[0]) * 2.0
    assert more["far", "inputs"] == more["near", "weights"] == 0.0
    assert np.isfinite(list(more.values())).all()
