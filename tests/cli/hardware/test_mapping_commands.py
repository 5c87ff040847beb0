"""`spareto cost --mapping`, `--explain` and `--arch`: mappings and architectures from files."""

import json

import pytest
import yaml
from cyclopts import App

import workloads
from spareto import hardware
from spareto.cli.cost import cost
from spareto.core import amounts
from spareto.core.errors import ConfigError
from spareto.hardware.mapping.written import line_of

LAYER = workloads.layer(channels=(4, 8), size=6)
CHIP = hardware.load_accelerator("eyeriss_like")


@pytest.fixture
def call(tmp_path, capsys):
    workloads.network(LAYER).save(tmp_path / "w.json")
    app = App()
    app.default(cost)

    def run(*words):
        app([str(tmp_path / "w.json"), *map(str, words)], result_action="return_value", exit_on_error=False)
        return capsys.readouterr().out

    return run


def write(path, data):
    path.write_text(yaml.safe_dump(data))
    return path


def line():
    return line_of(hardware.fixed_nest(LAYER, CHIP))


def test_a_mapping_from_a_file_costs_what_the_same_nest_costs(call, tmp_path):
    path = write(tmp_path / "maps.yaml", {"mappings": {"conv": line()}})
    fixed, given = json.loads(call("--json")), json.loads(call("--json", "--mapping", path))
    assert given["energy_pj"] == fixed["energy_pj"]
    assert (len(fixed["notes"]), given["notes"]) == (1, [])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"conv": "dram: T5 | shared_glb: P3"},
            r"mappings\.conv, M: got no loop; expected bounds that multiply",
        ),
        ({"conv": line() + " | dram: T5"}, "got a loop of an outer level after one further in"),
        ({"conv": line().replace("shared_glb", "attic")}, "got 'attic'; expected one of dram, shared_glb"),
        ({"conv1": line()}, r"mappings\.conv1: got no such layer; expected one of conv. Did you mean 'conv'"),
        ({"conv": "shared_glb: P0"}, "got 'P0'; expected a bound from 1"),
        ({"conv": "T5 everywhere"}, "got 'T5 everywhere'; expected levels apart by"),
        ({"conv": 5}, r"maps\.yaml\.mappings\.conv: got 5; expected"),
    ],
)
def test_a_mapping_that_is_none_of_this_layer_is_refused(call, tmp_path, change, told):
    path = write(tmp_path / "maps.yaml", {"mappings": change})
    with pytest.raises(ConfigError, match=told):
        call("--mapping", path)


def test_padding_is_said_in_the_file_and_shown(call, tmp_path):
    padded = line().replace("T5", "T6")
    assert padded != line()
    path = write(tmp_path / "maps.yaml", {"mappings": {"conv": padded}})
    with pytest.raises(ConfigError, match=r"T: got .*6; expected .* 5. Or say `padded: \{T: 1\}`"):
        call("--mapping", path)
    path = write(tmp_path / "maps.yaml", {"mappings": {"conv": padded}, "padded": {"conv": {"T": 1}}})
    assert "note: conv: the mapping pads T from 5 to 6." in call("--mapping", path)


def test_explain_prints_loops_tiles_and_accesses(call):
    told = call("--explain")
    nest = hardware.fixed_nest(LAYER, CHIP)
    for loop in nest.loops:
        kind = "for" if loop.kind == "temporal" else "side by side"
        assert f"{kind} {loop.dim} in 0..{int(loop.bound[0]) - 1}" in told
    for level in nest.levels:
        assert f"{level}" in told
    assert "holds weights" in told
    rows = json.loads(call("--explain", "--json"))["explained"]
    assert [level["level"] for level in rows[0]["levels"]] == list(nest.levels)


def test_explain_says_of_how_many_groups_it_tells_one_and_where_there_are_no_loops(call, tmp_path):
    layer = workloads.layer(channels=(6, 12), groups=3)
    workloads.network(layer).save(tmp_path / "w.json")
    assert "conv, one of 3 channel groups: " in call("--explain")
    with pytest.raises(ConfigError, match="--explain: got 'odin', which has no mappings; expected an array"):
        call("--explain", "--accelerator", "odin")
    assert "for T in 0..4" in call("--explain", "--compare", "eyeriss_like", "odin")


@pytest.mark.parametrize("options", [("--ert", "x"), ("--constraints", "x"), ("--layer", "x")])
def test_options_of_timeloop_need_an_architecture(call, options):
    with pytest.raises(
        ConfigError, match=rf"{options[0]}: got no --arch; expected an architecture of Timeloop"
    ):
        call(*options)


def test_a_layer_on_an_architecture_of_timeloop_and_written_out_again(call, tmp_path):
    nodes = [{"name": n, "class": c, "attributes": {"width": 16, "datawidth": 16}} for n, c in
             (("Main", "DRAM"), ("Registers", "SRAM"), ("Mac", "intmac"))]  # fmt: skip
    arch = write(tmp_path / "arch.yaml", {"architecture": {"version": 0.4, "nodes": nodes}})
    tables = [{"name": f"s.{n}", "actions": [{"name": a, "energy": e} for a, e in actions]} for n, actions in
              (("Main", (("read", 100), ("write", 100))), ("Registers", (("read", 1), ("write", 1))),
               ("Mac", (("compute", 2),)))]  # fmt: skip
    ert = write(tmp_path / "ert.yaml", {"ERT": {"tables": tables}})
    walks = (("Main", "T5 M8 C4", "CMT"), ("Registers", "P6 Q6 R3 S3", "SRQP"))
    entries = [{"target": n, "type": "temporal", "factors": f, "permutation": p} for n, f, p in walks]
    mapping = write(tmp_path / "map.yaml", {"mapping": entries})
    with pytest.raises(ConfigError, match="--arch: got no --mapping and no --ert; expected both"):
        call("--arch", arch)
    words = ("--arch", arch, "--mapping", mapping, "--ert", ert)
    row = json.loads(call(*words, "--json", "--write-timeloop", tmp_path / "out"))
    assert row["computes"] == LAYER.dense_synops
    assert row["mode"] == "timeloop-compatible"
    assert row["energy_by_component_pj"]["Mac"] == 2 * LAYER.dense_synops
    out = tmp_path / "out"
    again = ("--arch", out / "arch.yaml", "--mapping", out / "map.yaml", "--ert", out / "ERT.yaml")
    assert json.loads(call(*again, "--json"))["energy_by_component_pj"] == row["energy_by_component_pj"]
    assert "for T in 0..4" in call(*words, "--explain")


@pytest.mark.parametrize("options", [(), ("--mapper", "search")])
def test_a_layer_on_an_array_of_ours_is_written_and_read_again(call, tmp_path, capsys, options):
    out = tmp_path / "out"
    told = json.loads(call(*options, "--json", "--write-timeloop", out))["written"]
    assert told[0].startswith(f"wrote {out}: conv, dense, ")
    assert any("all words of 16 bits (weights 8, inputs 1, outputs 16)" in line for line in told)
    arch, mapping, ert = (out / f"{name}.yaml" for name in ("arch", "map", "ERT"))
    app = App()
    app.default(cost)
    words = [out / "prob.yaml", "--arch", arch, "--mapping", mapping, "--ert", ert, "--json"]
    app([*map(str, words)], result_action="return_value", exit_on_error=False)
    row = json.loads(capsys.readouterr().out)
    assert row["computes"] == LAYER.dense_synops
    figures = f"{amounts.energy(row['energy_pj'])}, {row['latency_cycles']:,.0f} cycles as timeloop-0.4"
    assert told[0].endswith(figures)
    for path in (out / "prob.yaml", mapping):  # the same with another name for M
        path.write_text(path.read_text().replace("M", "K"))
    app([*map(str, words[:-1]), "--explain"], result_action="return_value", exit_on_error=False)
    shown = capsys.readouterr().out
    assert " K in 0..3" in shown or " K in 0..7" in shown
    assert " M in " not in shown


def test_layers_of_any_names_are_written_into_folders_of_their_own(call, tmp_path):
    names = ("..", "../a", "a.b", "a/b")
    layers = [workloads.layer(name, channels=(2, 3), size=4) for name in names]
    workloads.network(*layers).save(tmp_path / "w.json")
    call("--write-timeloop", tmp_path / "out")
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["1--", "2--a", "3-a-b", "4-a-b"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out", "w.json"]


def test_only_arrays_and_only_one_of_them_are_written(call, tmp_path):
    with pytest.raises(ConfigError, match="--write-timeloop: got 'odin', which has no mappings"):
        call("--accelerator", "odin", "--write-timeloop", tmp_path)
    with pytest.raises(ConfigError, match="--write-timeloop: got several accelerators; expected one"):
        call("--accelerator", "all", "--write-timeloop", tmp_path)
    with pytest.raises(ConfigError, match="--layer: got 'conv9'; expected one of conv"):
        call("--layer", "conv9", "--write-timeloop", tmp_path)
