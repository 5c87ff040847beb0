"""Numbers of a description carry unit and source; the messages that say so, to the letter."""

import pytest
import yaml

from spareto.core.errors import ConfigError
from spareto.core.units import Quantity
from spareto.hardware.accelerators import _FOLDER, load_accelerator


def description():
    return yaml.safe_load((_FOLDER / "eyeriss_like.yaml").read_text())


def load(tmp_path, data):
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(data))
    return load_accelerator(path)


def refusal(tmp_path, data):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, data)
    return str(error.value)


@pytest.mark.parametrize(
    ("value", "unit", "amount"), [(2, "nJ", 2000), (1, "KiB", 8192), (3, "bytes/cycle", 24), (5, "pJ", 5)]
)
def test_quantities_convert_to_their_canonical_unit(value, unit, amount):
    assert Quantity(value=value, unit=unit, source="x").amount == amount


def test_a_file_of_ones_own_is_read(tmp_path):
    data = description()
    data["name"] = "own"
    data["components"][0]["read_energy"] = {"value": 0.512, "unit": "nJ", "source": "x"}
    own = load(tmp_path, data)
    assert own.name == "own"
    assert own.memories[0].read_energy.amount == 512


def test_a_number_without_unit(tmp_path):
    data = description()
    data["components"][0]["read_energy"] = 512
    assert refusal(tmp_path, data) == (
        "accelerator.components[0].read_energy: got 512; expected a number with its unit and source. "
        'Write {value: 512, unit: pJ, source: "..."}.'
    )


def test_a_number_without_source(tmp_path):
    data = description()
    data["components"][1]["depth"] = {"value": 12800, "unit": "words"}
    assert refusal(tmp_path, data) == (
        "accelerator.components[1].depth: got {'unit': 'words', 'value': 12800}; "
        'expected a number with its unit and source. Write {value: 12800, unit: words, source: "..."}.'
    )


def test_a_unit_of_another_dimension(tmp_path):
    data = description()
    data["components"][0]["read_energy"]["unit"] = "cycles"
    assert "accelerator.components[0].read_energy: got" in refusal(tmp_path, data)
    assert "expected a quantity in fJ or pJ or nJ or uJ or µJ. Convert it to pJ." in refusal(tmp_path, data)


def test_an_unknown_key_and_an_empty_source_come_in_one_error(tmp_path):
    data = description()
    data["components"][0]["read_enrgy"] = data["components"][0].pop("read_energy")
    data["components"][1]["width"]["source"] = ""
    message = refusal(tmp_path, data)
    assert "accelerator.components[0].read_enrgy: got an unknown key; expected one of kind, name," in message
    assert "Did you mean 'read_energy'?" in message
    assert "accelerator.components[1].width.source: got ''" in message


def test_a_level_nobody_declared(tmp_path):
    data = description()
    data["dataflow"]["fill"][0]["level"] = "pe_colum"
    assert refusal(tmp_path, data) == (
        "accelerator.dataflow.fill[0].level: got 'pe_colum'; expected one of dram, shared_glb, pe_column, "
        "ifmap_spad, weights_spad, psum_spad. Did you mean 'pe_column'?"
    )


def test_a_loop_without_a_place(tmp_path):
    data = description()
    data["dataflow"]["order"][0]["dims"].remove("C")
    assert refusal(tmp_path, data) == (
        "accelerator.dataflow.order of 'dram': got no place for C; expected every loop that can run there."
    )


def test_no_units_to_compute(tmp_path):
    data = description()
    data["components"] = [part for part in data["components"] if part["kind"] != "compute"]
    assert refusal(tmp_path, data) == (
        "accelerator.components: got 0 of kind 'compute'; expected exactly one."
    )


def test_an_unknown_name():
    with pytest.raises(Exception, match=r"accelerator: got 'eyeris_like'; .* Did you mean 'eyeriss_like'\?"):
        load_accelerator("eyeris_like")


def test_a_missing_file():
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: got no such file"):
        load_accelerator("nowhere.yaml")


def test_an_unknown_unit_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"^Quantity\.unit: got 'pJs'; expected one of fJ, pJ, .*'pJ'\?$"):
        Quantity(value=1.0, unit="pJs", source="a test")
