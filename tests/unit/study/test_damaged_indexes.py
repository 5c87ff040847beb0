"""An index that misses rows would give another front, or train a trial again: the store is refused."""

import sqlite3
import struct

import pytest

import factories
from spareto.core.errors import StoreError
from spareto.study.store import STORE_NAME, TrialStore


def indexes(path):
    with sqlite3.connect(path) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        asked = "SELECT name, rootpage FROM sqlite_master WHERE type = 'index'"
        return size, connection.execute(asked).fetchall()


@pytest.fixture
def path(tmp_path):
    with TrialStore(tmp_path / STORE_NAME) as store:
        for number, trial in enumerate(factories.study()):
            store.put(f"key {number}", trial)
    return tmp_path / STORE_NAME


def test_an_entry_of_an_index_that_differs_from_its_row_is_seen(path):
    good, (size, found) = path.read_bytes(), indexes(path)
    energy = struct.pack(">d", factories.study()[0].energy_pj)
    entries = {"points_in_front_order": energy, "sqlite_autoindex_trials_1": b"key 2"}
    for name, entry in entries.items():
        start = (dict(found)[name] - 1) * size
        at = good.index(entry, start, start + size) + len(entry) - 1
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        with pytest.raises(StoreError, match=f"a damaged database .*{name}"), TrialStore(path):
            pass
    path.write_bytes(good)
    with TrialStore(path, read_only=True) as store:
        assert len(store.rows()) == len(factories.study())
