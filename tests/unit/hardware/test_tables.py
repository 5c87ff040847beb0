"""Energies and areas from tables: the published points exactly, sensible between and beside them."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spareto.core.errors import ConfigError, UnknownName
from spareto.hardware import load_accelerator
from spareto.hardware.accelerators import _FOLDER
from spareto.hardware.charging.area import area_um2
from spareto.hardware.tables import estimate, load_table, names
from spareto.hardware.tables.laws import MeasuredPoints

GRIDS = [
    (name, action) for name in names() for action, law in load_table(name).laws.items() if law.law == "grid"
]


def value(table, action, **sizes):
    return estimate({"table": table, "action": action, **sizes}, "x")["value"]


@pytest.mark.parametrize("name", names())
def test_every_table_says_its_unit_and_source(name):
    table = load_table(name)
    assert len(table.source) > 5
    assert table.unit in ("pJ", "pJ/bit", "um2")


@pytest.mark.parametrize(("name", "action"), GRIDS)
def test_a_grid_gives_its_points_exactly(name, action):
    law = load_table(name).laws[action]
    assert isinstance(law, MeasuredPoints)
    for size, width, expected in law.points:
        assert value(name, action, bytes=size, width_bits=width) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("width", "expected"), [(32, 22.0), (64, 28.3), (128, 43.5), (256, 63.6)])
def test_a_wider_access_of_one_array(width, expected):
    assert value("sram_45nm", "read", bytes=102400, width_bits=width) == pytest.approx(expected)


@given(
    table=st.sampled_from(["sram_45nm", "sram_65nm"]),
    action=st.sampled_from(["read", "write"]),
    sizes=st.tuples(st.integers(8, 1 << 20), st.integers(8, 1 << 20)),
    width=st.integers(1, 256),
)
def test_a_larger_sram_never_takes_less(table, action, sizes, width):
    small, large = (value(table, action, bytes=size, width_bits=width) for size in sorted(sizes))
    assert 0 < small <= large * (1 + 1e-5)


@given(widths=st.tuples(st.integers(1, 256), st.integers(1, 256)), size=st.integers(8, 1 << 20))
def test_a_wider_access_never_takes_less(widths, size):
    narrow, wide = (value("sram_45nm", "read", bytes=size, width_bits=width) for width in sorted(widths))
    assert narrow <= wide * (1 + 1e-5)


@pytest.mark.parametrize(("depth", "width", "published"), [(12, 17, 0.19652), (24, 16, 0.25281)])
def test_register_files_are_the_published_ones(depth, width, published):
    ours = value("register_file_45nm", "access", depth=depth, width_bits=width)
    assert ours == pytest.approx(published, abs=1e-5)


def test_a_sixteen_bit_multiply_accumulate_is_the_published_one():
    total = value("arithmetic_45nm", "multiplier", bits=16) + value("arithmetic_45nm", "adder", bits=16)
    assert total == pytest.approx(2.20035)
    assert value("area_45nm", "multiplier", bits=16) + value("area_45nm", "adder", bits=16) == 1239.5
    assert value("area_45nm", "multiplier", bits=8) + value("area_45nm", "adder", bits=8) == 332.25


def test_a_64_bit_lpddr4_access_and_a_wire():
    assert value("dram", "lpddr4", bits=64) == 512
    assert value("wire_45nm", "bit", millimetres=2) == pytest.approx(2 * 0.2 * 1.627, rel=1e-4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"table": "sram_45nm", "action": "raed", "bytes": 1, "width_bits": 1},
            "x.action: got 'raed'; expected one of read, write. Did you mean 'read'?",
        ),
        (
            {"table": "sram_45nm", "action": "read", "bytes": 1, "widht_bits": 1},
            "x.widht_bits: got an unknown key; expected one of bytes, width_bits. "
            "Did you mean 'width_bits'?\n"
            "x.width_bits: got nothing; expected a value. Add the key 'width_bits'.",
        ),
        (
            {"table": "sram_45nm", "action": "read", "bytes": 2000000, "width_bits": 64},
            "x.bytes: got 2e+06; expected at most 1.04858e+06. "
            "Split it into banks, or give a table of your own.",
        ),
        (
            {"table": "register_file_45nm", "action": "access", "depth": 500, "width_bits": 16},
            "x.depth: got 500; expected at most 128. Take an SRAM table.",
        ),
        (
            {"table": "dram", "action": "ddr3", "bits": -1},
            "x.bits: got -1; expected a number above 0.",
        ),
    ],
)
def test_what_a_table_cannot_answer_is_refused(given, message):
    with pytest.raises(ConfigError) as error:
        estimate(given, "x")
    assert str(error.value) == message


def test_an_unknown_table():
    with pytest.raises(UnknownName, match=r"table: got 'sram_45n'; .* Did you mean 'sram_45nm'\?"):
        estimate({"table": "sram_45n", "action": "read"}, "x")


def test_a_table_of_ones_own(tmp_path):
    own = {**yaml.safe_load((_FOLDER.parent / "tables" / "dram.yaml").read_text()), "source": "my data sheet"}
    own["laws"] = {"mine": {"law": "power", "value": 5, "bits": 1, "exponent": 1}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    found = estimate({"table": str(tmp_path / "own.yaml"), "action": "mine", "bits": 8}, "x")
    assert found == {"value": 40.0, "unit": "pJ", "source": "my data sheet; mine at bits 8"}


def changed(tmp_path, changes):
    path = tmp_path / "changes.yaml"
    path.write_text(yaml.safe_dump(changes))
    return load_accelerator("eyeriss_like", overrides=path)


def test_a_description_may_estimate_and_one_file_may_override(tmp_path):
    wanted = {"table": "sram_45nm", "action": "read", "bytes": 102400, "width_bits": 64}
    chip = changed(tmp_path, {"components": {"shared_glb": {"read_energy": {"estimate": wanted}}}})
    assert chip.memory("shared_glb").read_energy.amount == pytest.approx(28.3)
    assert "CACTI" in chip.memory("shared_glb").read_energy.source
    assert chip.memory("dram") == load_accelerator("eyeriss_like").memory("dram")


def test_overrides_of_what_is_not_there_name_the_nearest(tmp_path):
    with pytest.raises(ConfigError) as error:
        changed(tmp_path, {"components": {"shared_gbl": {}}})
    assert str(error.value) == (
        "accelerator.components.shared_gbl: got an unknown part; expected one of dram, shared_glb, "
        "pe_column, ifmap_spad, weights_spad, psum_spad, mac, neuron. Did you mean 'shared_glb'?"
    )
    with pytest.raises(ConfigError, match=r"components\[0\]\.read_enrgy.*Did you mean 'read_energy'\?"):
        changed(tmp_path, {"components": {"dram": {"read_enrgy": {"value": 1, "unit": "pJ", "source": "x"}}}})


def test_the_area_of_the_eyeriss_like_chip_is_the_sum_of_its_parts(tmp_path):
    each = 180 + 3474.22 + 537.18 + 1239.5
    assert area_um2(load_accelerator("eyeriss_like")) == pytest.approx(641718.8125 + 168 * each + 14 * 4958)
    assert area_um2(changed(tmp_path, {"components": {"mac": {"area": None}}})) is None
