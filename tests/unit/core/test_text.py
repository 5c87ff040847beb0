"""Names of any kind, on their way to a terminal, a page or a path."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spareto.core.errors import Problem, did_you_mean
from spareto.core.text import component, one_line, visible

ANY = st.text(st.characters(), max_size=60)


@given(ANY)
def test_what_is_shown_has_no_control_character(text):
    shown = visible(text)
    assert len(shown) == len(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    shown.encode()
    assert visible(shown) == shown


@given(ANY)
def test_what_can_be_shown_is_left_alone(text):
    if text.isprintable():
        assert visible(text) == text


@given(ANY, st.integers(1, 40))
def test_one_line_is_one_and_short(text, most):
    line = one_line(text, most)
    assert "\n" not in line
    assert "\t" not in line
    assert len(line) <= most


@given(st.text(st.characters(), max_size=300))
def test_a_name_in_a_path_is_one_safe_part(text):
    part = component(text)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", part)
    assert len(part) <= 80
    assert component(part) == part


@pytest.mark.parametrize(
    "name", ["", "..", "/etc/passwd", "a\x00b", "con/../x", "A" * 300, "$(rm)", "\u202e"]
)
def test_names_that_would_leave_a_folder(name):
    assert "/" not in component(name)
    assert component(name) not in ("", ".", "..")


def test_an_error_shows_no_escape_codes():
    text = str(Problem("a\x1b[2J", "b\x07\x00", "c", "d\u202e."))
    assert text == "a\ufffd[2J: got b\ufffd\ufffd; expected c. d\ufffd."


def test_a_long_word_is_compared_at_once():
    assert did_you_mean("x" * 10**6, ["magnitude"] * 100) == ""
