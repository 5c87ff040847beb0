"""Published energies and cycles, component by component."""

import os
from pathlib import Path

import pytest

from spareto.core.errors import ConfigError, DataError
from spareto.reproduction.pe_masks import reproduce_pe_masks
from spareto.reproduction.timeloop.cases import load_cost_cases, reproduce_cost_cases, run_case
from spareto.reproduction.timeloop.files import TimeloopFiles, read_files, write_files
from spareto.reproduction.timeloop.files.workload import read_problem

SHARED = (
    Path(os.environ.get("SPARETO_DATA", Path(__file__).parents[4] / "shared")) / "reference" / "cost_cases"
)

OTHER_LAYERS = Path(__file__).with_name("alexnet_convs.yaml")


def published(name):
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{path} is not here; it is not part of the repository")
    return path


def test_eyeriss_alexnet_dense_and_sparse():
    rows = reproduce_cost_cases(published("eyeriss_alexnet.yaml"))
    assert {(row["layer"], row["run"]) for row in rows} == {
        (layer, run) for layer in ("alexnet_conv1", "alexnet_conv3") for run in ("dense", "sparse")
    }
    for row in rows:
        allowed = 0.0 if row["quantity"] == "cycles" else 0.0005
        assert row["ours"] == pytest.approx(row["expected"], rel=allowed, abs=0), row


def test_the_layers_of_alexnet_that_nothing_was_written_for():
    """Convolutions 2, 4 and 5; the energy of compressing and decompressing a word is said."""
    rows = reproduce_cost_cases(OTHER_LAYERS)
    assert len(rows) == 3 * 2 * 8
    for row in rows:
        allowed = 0.0 if row["quantity"] == "cycles" else 1e-6
        assert row["ours"] == pytest.approx(row["expected"], rel=allowed, abs=0), row


@pytest.mark.parametrize("style", ["0.3", "0.4"])
@pytest.mark.parametrize("layer", [1, 2, 3, 4, 5])
def test_files_of_the_tools_hold_the_same_published_layers(tmp_path, layer, style):
    """Architecture, energies, mapping, densities and sparse optimizations, written and read again."""
    given = load_cost_cases(published("eyeriss_alexnet.yaml") if layer in (1, 3) else OTHER_LAYERS)
    layer = f"alexnet_conv{layer}"
    case = next(each for each in given.cases if each.layer == layer)
    write_files(given, case, tmp_path, style)
    arch, mapping, ert, sparse = (tmp_path / f"{name}.yaml" for name in ("arch", "map", "ERT", "sparse"))
    problem = read_problem(tmp_path / "prob.yaml")
    read, _ = read_files(
        TimeloopFiles(arch, mapping, ert, sparse=sparse), problem, layer, tool="sparseloop-micro2022"
    )
    for run, expected in case.expected.items():
        found = run_case(read, read.cases[0], sparse=run == "sparse")
        energies = {name: 1e-6 * float(pj[0]) for name, pj in found.component_energy_pj().items()}
        assert energies == pytest.approx(expected.energy_uJ, rel=5e-4)
        assert float(found.cycles[0]) == expected.cycles


def test_pe_masks_of_four_mobilenet_layers():
    rows = reproduce_pe_masks(published("mobilenet_pe_masks.npz"))
    assert [row["layer"] for row in rows] == ["L07", "L13", "L21", "L25"]
    assert [row["ours"] for row in rows] == [row["expected"] for row in rows]


def test_a_sparse_run_nobody_understands_is_refused(tmp_path):
    text = published("eyeriss_alexnet.yaml").read_text().replace("gated on inputs", "gated on Tuesdays")
    path = tmp_path / "cases.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"cost_cases\.sparse_run\.weights_spad: got 'gated on Tuesdays'"):
        reproduce_cost_cases(path)


def test_a_truncated_mask_file_is_refused(tmp_path):
    path = tmp_path / "masks.npz"
    path.write_bytes(published("mobilenet_pe_masks.npz").read_bytes()[:1000])
    with pytest.raises(DataError, match=r"masks\.npz: got a damaged file"):
        reproduce_pe_masks(path)


def test_a_missing_mask_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="got no such file"):
        reproduce_pe_masks(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("name", ["conv1d_oc_3level", "conv1d_oc_spatial_kp", "weight_stationary"])
def test_exercises_of_timeloop(name):
    rows = reproduce_cost_cases(published(f"timeloop_{name}.yaml"))
    assert {row["first_partial_sums"] for row in rows} == {"free"}
    for row in rows:
        allowed = 0.0 if row["quantity"] == "cycles" else 1e-6
        assert row["ours"] == pytest.approx(row["expected"], rel=allowed, abs=0), row


def test_compression_and_decompression_explain_the_last_digits_of_the_shared_buffer(tmp_path):
    """0.0241 pJ a word: what is left of every sparse component is the rounding of the published number."""
    text = published("eyeriss_alexnet.yaml").read_text()
    energies = "    decompression_pJ: 0.0241\n    compression_pJ: 0.0241\n"
    path = tmp_path / "cases.yaml"
    path.write_text(text.replace("  - name: shared_glb\n", f"  - name: shared_glb\n{energies}"))
    rows = [row for row in reproduce_cost_cases(path) if row["run"] == "sparse"]
    assert len(rows) == 16
    for row in rows:
        assert row["ours"] == pytest.approx(
            row["expected"], rel=5e-6 if row["component"] != "total" else 2e-5
        ), row
