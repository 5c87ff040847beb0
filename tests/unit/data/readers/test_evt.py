"""EVT 2.0 and EVT 3.0 against decoders that go word by word, and against a decoder of others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import event_files as files
from spareto.data.readers import _evt, _evt_numpy
from spareto.data.readers._evt import evt2, evt3

LOOP3 = 1 << 24
MOST_BASE3 = (1 << 24) - (1 << 12)


def slow_evt3(words):
    """OpenEB's decoder, one word after the other."""
    base = time = loops = 0
    began = row = column = polarity = None
    found, early = [], 0
    for word in words:
        kind, value = word >> 12, word & 0xFFF
        if kind == 8:
            new = (value << 12) + loops * LOOP3
            if base > new and base - new >= MOST_BASE3 - (10 << 12):
                new += LOOP3
                loops += 1
            base = time = new
            began = True
        elif kind == 6:
            time = base + value
        elif kind == 0:
            row = value & 0x7FF
        elif kind == 3:
            column, polarity = value & 0x7FF, value >> 11
        elif kind in (2, 4, 5):
            if not began or row is None:
                early += 1
                if kind != 2 and column is not None:
                    column += 12 if kind == 4 else 8
                continue
            if kind == 2:
                found.append((time, value & 0x7FF, row, value >> 11))
            else:
                count = 12 if kind == 4 else 8
                found += [
                    (time, (column + i) & 0xFFFF, row, polarity) for i in range(count) if value >> i & 1
                ]
                column += count
    return found, early


def slow_evt2(words):
    base = loops = 0
    began, found, early = False, [], 0
    for word in words:
        kind = word >> 28
        if kind == 8:
            new = (word & 0x0FFFFFFF) + loops * (1 << 28)
            if began and base - new >= (1 << 28) - 1 - 10:
                new += 1 << 28
                loops += 1
            base, began = new, True
        elif kind <= 1:
            if began:
                found.append(((base << 6) + (word >> 22 & 63), word >> 11 & 0x7FF, word & 0x7FF, kind))
            else:
                early += 1
    return found, early


def fast(decode, words, dtype):
    x, y, polarity, times, early = decode(np.array(words, dtype).view(np.uint8))
    return list(zip(times.tolist(), x.tolist(), y.tolist(), polarity.tolist(), strict=True)), early


def both(name, words, dtype):
    """What the C function and its numpy twin decode; they must be the same."""
    found = [fast(getattr(room, name), words, dtype) for room in (_evt, _evt_numpy)]
    assert found[0] == found[1]
    return found[0]


KINDS3 = st.sampled_from([0, 2, 3, 4, 5, 6, 8, 7, 10, 14, 15])
WORDS3 = st.lists(st.tuples(KINDS3, st.integers(0, 0xFFF)).map(lambda w: w[0] << 12 | w[1]), max_size=60)
HIGHS = st.sampled_from([0, 1, 2, 0xFF0, 0xFF4, 0xFF5, 0xFF6, 0xFFE, 0xFFF]).map(lambda high: 8 << 12 | high)


@given(st.lists(st.one_of(HIGHS, WORDS3.map(tuple)), max_size=8))
def test_evt3_is_its_slow_twin(parts):
    words = [3 << 12]  # a vector before any base has no column: OpenEB does not say which
    for part in parts:
        words += part if isinstance(part, tuple) else [part]
    assert both("evt3", words, "<u2") == slow_evt3(words)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 8, 8, 10, 14, 15]), st.integers(0, (1 << 28) - 1) | st.integers(0, 99)
        ).map(lambda word: word[0] << 28 | word[1]),
        max_size=60,
    )
)
def test_evt2_is_its_slow_twin(words):
    assert both("evt2", words, "<u4") == slow_evt2(words)


def test_times_that_run_over_go_on():
    some = [(LOOP3 - 5, 1, 2, 0), (LOOP3 + 7, 3, 4, 1), (3 * LOOP3 - 1, 0, 0, 1)]
    words = [*files.evt3_words(some[:2]), 8 << 12 | 0xFFE, *files.evt3_words(some[2:])]
    assert fast(evt3, words, "<u2")[0][:2] == some[:2]
    assert fast(evt3, words, "<u2")[0][2][0] == 2 * LOOP3 - 1


def test_a_file_without_times_gives_nothing_and_says_how_much():
    assert both("evt3", [7, 2 << 12 | 5, 2 << 12 | 6], "<u2") == ([], 2)
    assert both("evt2", [5, 1 << 28], "<u4") == ([], 2)


def test_the_compiled_decoder_is_the_one_that_runs_here(monkeypatch):
    assert _evt._library() is not None
    monkeypatch.setenv("SPARETO_RUNTIME", "numpy")
    assert _evt._library() is None
    assert fast(evt2, [8 << 28, 5], "<u4") == ([(0, 0, 5, 0)], 0)
    assert fast(evt3, [8 << 12, 7, 2 << 12 | 5], "<u2") == ([(0, 5, 7, 0)], 0)


@pytest.mark.parametrize("name", ["prophesee_dat", "evt2", "evt3"])
def test_another_decoder_reads_the_same(name, tmp_path):
    expelliarmus = pytest.importorskip("expelliarmus", reason="needs expelliarmus")
    last = 4_000 if name == "evt3" else 300_000  # theirs counts a high part of time twice, OpenEB's does not
    some = files.events(500, width=640, height=480, last=last)
    write, suffix = files.WRITERS[name]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(write(some))
    wizard = expelliarmus.Wizard(encoding=name.rpartition("_")[2])
    theirs = wizard.read(path)
    assert [tuple(int(value) for value in event) for event in theirs.tolist()] == some
