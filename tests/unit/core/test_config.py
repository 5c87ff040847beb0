"""The door: YAML or JSON becomes a frozen record, or one error that names every bad key."""

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from spareto.core.config import Record, Rule, load_data
from spareto.core.errors import ConfigError, suggestion
from spareto.hardware import load_accelerator
from spareto.records import LayerFilter, TrainingPlan, Workload
from spareto.records.data import DataPlan
from spareto.records.details import TrialDetails
from spareto.study.config import OwnNetworkPlan, StudyConfig

Small = Annotated[int, Field(ge=1, le=9, strict=True), Rule("an integer from 1 to 9", "Choose fewer.")]


class Inner(Record):
    size: Small = 1
    share: float = 0.5


class Outer(Record):
    name: str
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def message(data):
    with pytest.raises(ConfigError) as error:
        Outer.parse(data, "outer")
    return str(error.value)


def test_an_unknown_key_is_answered_with_the_known_ones_and_a_suggestion():
    expected = "outer.inner.sise: got an unknown key; expected one of size, share. Did you mean 'size'?"
    assert message({"name": "a", "inner": {"sise": 2}}) == expected


def test_a_key_unlike_any_other_gets_no_suggestion():
    assert (
        message({"name": "a", "zzz": 2})
        == "outer.zzz: got an unknown key; expected one of name, inner, many."
    )


def test_a_rule_speaks_for_its_type():
    expected = "outer.many[1].size: got 12; expected an integer from 1 to 9. Choose fewer."
    assert message({"name": "a", "many": [{}, {"size": 12}]}) == expected


@pytest.mark.parametrize("value", [2.0, "2", True, None, float("nan"), [2]])
def test_a_strict_integer_takes_nothing_else(value):
    assert message({"name": "a", "inner": {"size": value}}).endswith(
        "expected an integer from 1 to 9. Choose fewer."
    )


def test_a_missing_key_is_named():
    assert message({}) == "outer.name: got nothing; expected a value. Add the key 'name'."


def test_all_problems_come_at_once():
    text = message({"nam": "a", "inner": {"size": 0, "share": float("inf")}, "many": [{"size": -1}]})
    assert len(text.splitlines()) == 5
    for place in ("outer.name", "outer.nam:", "outer.inner.size", "outer.inner.share", "outer.many[0].size"):
        assert any(line.startswith(place) for line in text.splitlines()), place


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_what_is_no_mapping_is_refused(data):
    assert message(data).startswith(f"outer: got {data!r}; expected")


def test_a_long_value_is_cut():
    text = message({"name": list(range(1000))})
    assert len(text) < 150
    assert "..." in text


def test_a_record_is_frozen():
    with pytest.raises(ValidationError):
        Inner().size = 3


def test_yaml_and_json_give_the_same_record(write):
    yaml_file = write("a.yaml", "name: x\nmany:\n- {size: 3}\n")
    json_file = write("a.json", '{"name": "x", "many": [{"size": 3}]}')
    assert Outer.load(yaml_file) == Outer.load(json_file) == Outer(name="x", many=(Inner(size=3),))


def test_a_record_survives_saving(tmp_path):
    record = Outer(name="Zürich", inner=Inner(size=4, share=0.1))
    record.save(tmp_path / "deep" / "record.json")
    assert Outer.load(tmp_path / "deep" / "record.json") == record


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [("a.yaml", "name: x\nname: y\n", "line 2, column 1: "), ("a.json", '{"name": 1, "name": 2}', "")],
)
def test_a_key_given_twice_is_an_error(write, name, text, place):
    path = write(name, text)
    with pytest.raises(ConfigError) as error:
        load_data(path)
    assert str(error.value).startswith(f"{path}: got {place}key 'name' is given twice")


def test_a_key_given_twice_deep_inside_is_an_error(write):
    with pytest.raises(ConfigError, match=r"key 'size' is given twice"):
        load_data(write("a.yaml", "many:\n- inner: {size: 1, size: 2}\n"))


def test_yaml_merge_keys_are_not_duplicates(write):
    text = "base: &base {size: 1, share: 0.2}\nmore: {<<: *base, size: 2}\n"
    assert load_data(write("a.yaml", text))["more"] == {"size": 2, "share": 0.2}


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigError) as error:
        Outer.load(path)
    assert str(error.value) == f"{path}: got no such file; expected a YAML or JSON file. Check the path."


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "{"),
        ("a.yaml", "a: [1"),
        ("a.yaml", "a: {b"),
        ("a.yaml", "? [1]\n: 2"),
        ("a.yaml", b"\xff\xfe\x00"),
        ("a.json", b"\xff\xfe\x00"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_not_a_traceback(write, name, content):
    path = write(name, content)
    with pytest.raises(ConfigError) as error:
        load_data(path)
    assert str(error.value).startswith(f"{path}: got ")
    assert "well-formed YAML or JSON" in str(error.value)


def test_yaml_runs_no_code(write):
    with pytest.raises(ConfigError, match="could not determine a constructor"):
        load_data(write("a.yaml", "a: !!python/object/apply:os.getcwd []"))


def test_replace_checks_what_it_is_given():
    outer = Outer(name="a", inner=Inner(size=4))
    assert outer.replace(name="b") == Outer(name="b", inner=Inner(size=4))
    with pytest.raises(ConfigError) as error:
        outer.inner.replace(size=-5, sise=1)
    assert {problem.where for problem in error.value.problems} == {"Inner.size", "Inner.sise"}
    assert outer.inner == Inner(size=4)


def test_replace_leaves_defaults_defaults():
    assert Outer(name="a").replace(name="b").model_fields_set == {"name"}


def test_replace_takes_a_field_by_its_name_where_files_call_it_otherwise():
    own = OwnNetworkPlan.parse({"import": "a.py:build"}, "network")
    assert own.replace(import_="b.py:build").import_ == "b.py:build"
    assert own.replace(vote="sum").import_ == "a.py:build"


@pytest.mark.parametrize(
    ("value", "cure"),
    [(4, " Write [4]."), ("a b", " Write [a b]."), (0.5, " Write [0.5]."), ({"size": 1}, "")],
)
def test_one_value_in_place_of_a_list_is_answered_with_the_list(value, cure):
    assert message({"name": "a", "many": value}) == f"outer.many: got {value!r}; expected a list.{cure}"


def test_a_value_in_place_of_keys_is_answered_without_words_of_the_implementation():
    text = message({"name": "a", "inner": 3})
    assert text == "outer.inner: got 3; expected keys and values. Write {key: value}."


@pytest.mark.parametrize(("name", "text"), [("a.yaml", ""), ("a.yaml", "# nothing\n"), ("a.json", "null")])
def test_an_empty_file_is_named(write, name, text):
    path = write(name, text)
    with pytest.raises(ConfigError) as error:
        Outer.load(path)
    expected = f"{path}: got an empty file; expected keys and values. Write them as 'key: value'."
    assert str(error.value) == expected


@pytest.mark.parametrize(("text", "got"), [("[1]", "a list"), ("3", "3"), ("word", "'word'")])
def test_a_file_without_keys_is_named(write, text, got):
    path = write("a.yaml", text)
    for load in (Outer.load, StudyConfig.load, load_accelerator, Workload.load, TrialDetails.load):
        with pytest.raises(ConfigError) as error:
            load(path)
        assert str(error.value).startswith(f"{path}: got {got}; expected keys and values.")


def test_the_first_letters_of_a_name_suggest_it():
    with pytest.raises(ConfigError, match=r"Did you mean 'learning_rate'\?"):
        TrainingPlan(lr=0.1)
    with pytest.raises(ConfigError, match=r"Did you mean 'batch_size'\?"):
        TrainingPlan(bs=3)
    assert suggestion("ab", ["all_bits", "any_bits"]) == ""


@pytest.mark.parametrize("value", ["no", "false", 0, 1, "off"])
@pytest.mark.parametrize(
    ("record", "flag"), [(TrainingPlan, "recompute"), (DataPlan, "binary"), (LayerFilter, "first")]
)
def test_a_flag_is_true_or_false_and_nothing_alike(record, flag, value):
    with pytest.raises(ConfigError, match=rf"^x\.{flag}: got {value!r}; expected true or false\.$"):
        record.parse({flag: value}, "x")


@pytest.mark.parametrize("value", ["a\ud800b", ["a", "\udfff"], {"\ud800": 1}, {"a": ["\udc80"]}])
def test_half_a_character_is_refused_when_a_record_is_made(value):
    from spareto.records import Recipe

    key = "name" if isinstance(value, str) else "layers"
    given = value if isinstance(value, str) else {"include": value}
    with pytest.raises(ConfigError, match="whole characters"):
        Recipe.parse({key: given}, "recipe")
