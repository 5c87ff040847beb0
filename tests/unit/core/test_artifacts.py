"""Files are the old one or the new one, never half of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spareto.core.artifacts import canonical_json, fingerprint, replacing, write_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def names(folder):
    return [path.name for path in folder.iterdir()]


def write_half(path, error):
    with replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise error


def test_the_new_file_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "old")
    write_text(path, "neü")
    assert path.read_text(encoding="utf-8") == "neü"
    assert names(path.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_crash_half_way_leaves_the_old_file_alone(tmp_path, error):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(error):
        write_half(path, error)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_crash_leaves_nothing_where_nothing_was(tmp_path):
    with pytest.raises(RuntimeError):
        write_half(tmp_path / "file.txt", RuntimeError)
    assert names(tmp_path) == []


def test_the_temporary_file_lies_beside_its_target_with_its_suffix(tmp_path):
    with replacing(tmp_path / "a.npz") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".npz"


def test_until_the_end_the_old_file_is_seen(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_the_file_can_be_read_by_others(tmp_path):
    write_text(tmp_path / "file.txt", "x")
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == 0o644


@given(JSON)
def test_equal_values_have_equal_fingerprints_whatever_their_order(value):
    turned = dict(reversed(value.items())) if isinstance(value, dict) else value
    assert fingerprint(turned) == fingerprint(value)
    assert len(fingerprint(value)) == 16


def test_canonical_json_is_sorted_and_without_spaces():
    assert canonical_json({"b": [1, 2.5], "a": "ü"}) == '{"a":"ü","b":[1,2.5]}'


def test_a_fingerprint_is_the_same_on_every_machine():
    assert fingerprint({"b": 1, "a": [True, None]}) == "51705a2c9eb3e7e4"


def test_what_is_not_a_number_has_no_fingerprint():
    with pytest.raises(ValueError, match="JSON"):
        fingerprint(float("nan"))
