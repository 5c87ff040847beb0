"""YAML and JSON of strangers: the same data as PyYAML's where it is plain, and refused where it is not."""

import json
import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto.core.config import SHOWN, Record, load_sealed, save_sealed
from spareto.core.errors import ConfigError
from spareto.core.plain import ALIASED, DEEPEST, check, from_json, from_yaml

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc~01 :-", max_size=5), inner),
    max_leaves=12,
)


@given(DATA)
@settings(max_examples=200)
def test_what_is_dumped_comes_back(data):
    assert from_json(json.dumps(data)) == data
    text = yaml.safe_dump(data, allow_unicode=True)
    assert from_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1",
        "- 1\n- [2, {a: b}]",
        "base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}",
        "a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: [*a, *b], z: 3}",
        "a: !!str 5\nb: !!float 1\nc: !!int '3'\nd: ! 4",
        "a: 0x1f\nb: 0o17\nc: 1_000\nd: 1e3\ne: 1.5e+3\nf: yes\ng: ~\nh: 12:30",
        "'5': five\n5: five",
        "a: |\n  two\n  lines\nb: >\n  one\n  line",
        "a: &x [1, 2]\nb: *x",
    ],
)
def test_it_reads_as_pyyaml_does(text):
    assert from_yaml(text) == yaml.safe_load(text)


REFUSED = {
    "a: 1\na: 2": "given twice",
    "{[1]: 2}": "unhashable",
    "a: .inf": "not finite",
    "a: .nan": "not finite",
    f"a: {'9' * 40}": "64 bits",
    "a: !!python/object/apply:os.system [ls]": "could not determine a constructor",
    "a: !!binary aGk=": "could not determine a constructor",
    "a: !!set {x, y}": "could not determine a constructor",
    "a: *b": "alias",
    "a: &a [*a]": "alias",
    "a: 1\n---\nb: 2": "single document",
    "a: {<<: 5}": "to merge",
    "a: !!int x": "is no int",
    "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1): "deep",
    "a: [1": "expected",
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_plain_is_refused(text):
    with pytest.raises((ValueError, yaml.YAMLError), match=REFUSED[text]):
        from_yaml(text)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "[Infinity]",
        "1e999",
        '"\\ud800"',
        "[" * 5000,
        '{"a":' * 5000,
        "9" * 5000,
        '{"a": 1, "a": 1}',
        "[1] 2",
    ],
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError):
        from_json(text)


def test_aliases_that_multiply_are_stopped():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(yaml.YAMLError, match=f"more than {ALIASED:,} values"):
        from_yaml("\n".join(lines))


def test_a_date_is_a_text():
    assert from_yaml("a: 2020-01-01") == {"a": "2020-01-01"}


def test_levels_are_counted_without_recursion():
    data = []
    for _ in range(10**5):
        data = [data]
    with pytest.raises(ValueError, match="deep"):
        check(data)


class Point(Record):
    x: int
    y: int = 0


def test_a_million_problems_are_an_error_of_twenty_lines():
    with pytest.raises(ConfigError) as error:
        Point.parse({"x": 1, **{f"key{i}": i for i in range(2000)}}, "point")
    assert len(error.value.problems) == SHOWN + 1
    assert "1980 more such problems" in str(error.value)


def test_sealed_data_comes_back_and_every_flipped_bit_is_seen(tmp_path):
    path = tmp_path / "a.json"
    data = {"a": [1, 2.5, "x"], "b": {"c": None}}
    save_sealed(path, data)
    assert load_sealed(path) == data
    content = path.read_bytes()
    for place in range(len(content) * 8):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            found = load_sealed(path)
        except ConfigError:
            continue
        assert found == data or "checksum" not in json.loads(bytes(changed)), changed


def test_a_file_of_before_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert load_sealed(tmp_path / "a.json") == {"a": 1}
    assert math.isfinite(load_sealed(tmp_path / "a.json")["a"])
