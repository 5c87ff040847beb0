"""Exports a column at a time equal those a row at a time; narrow rows are those of their trials."""

import csv
import sqlite3

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

import factories
from spareto.core.errors import ConfigError, StoreError
from spareto.study.database import columns
from spareto.study.database.exports import EXPORTED, RECORDS, export
from spareto.study.database.points import front_positions, point_of
from spareto.study.database.tables import points
from spareto.study.front import front
from spareto.study.merging import import_file
from spareto.study.store import STORE_NAME, TrialStore

TRIALS = factories.study()


@pytest.fixture
def store(tmp_path):
    with TrialStore(tmp_path / STORE_NAME) as store:
        store.set_meta(study="full", base_hash="base-0")
        for n, trial in enumerate(TRIALS):
            store.put(f"key {n}", trial)
        yield store


def written(path):
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        numbers = set(EXPORTED) - columns.TEXTS
        return [{k: (float(v) if v else None) if k in numbers else v for k, v in row.items()} for row in rows]
    return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_are_the_rows(store, tmp_path, monkeypatch, suffix):
    """The first numbers are empty, so no type can be taken from them; a name that a table must quote."""
    pytest.importorskip("adbc_driver_sqlite", reason="needs the extra 'parquet'")
    monkeypatch.setattr(columns, "BATCH", 5)
    with sqlite3.connect(store.path) as database:
        database.execute("UPDATE points SET finished = NULL, accuracy = NULL WHERE position < 12")
        database.execute("""UPDATE points SET trial = 'a,"b" ü' WHERE position = 3""")
    database.close()
    slow, fast = tmp_path / f"slow.{suffix}", tmp_path / f"fast.{suffix}"
    with store.scanning() as connection:
        assert export(connection, slow) == len(TRIALS)
        assert export(connection, fast, columns_of=store.path) == len(TRIALS)
    assert written(fast) == written(slow)
    assert written(fast)[2]["trial"] == 'a,"b" ü'
    assert written(fast)[0]["accuracy"] is None
    assert written(fast)[-1]["energy_pj"] == TRIALS[-1].energy_pj


def test_a_study_without_trials_is_exported(tmp_path):
    with TrialStore(tmp_path / STORE_NAME) as store, store.scanning() as connection:
        for suffix in ("csv", "parquet")[: 1 + columns.available()]:
            assert export(connection, tmp_path / f"none.{suffix}", columns_of=store.path) == 0
            assert written(tmp_path / f"none.{suffix}") == []


@pytest.mark.parametrize("change", ["accuracy = 0.125", "energy_pj = 'x'", "trial = x'ff'", "seed = 0.5"])
def test_a_row_that_says_something_else_than_its_trial_is_refused(store, tmp_path, change):
    with sqlite3.connect(store.path) as database:
        database.execute(f"UPDATE points SET {change} WHERE position = 4")
    database.close()
    with pytest.raises(StoreError, match="Restore the file from a backup"):
        store.rows()
    if change != "accuracy = 0.125" and columns.available():
        with pytest.raises(StoreError), store.scanning() as connection:
            export(connection, tmp_path / "t.parquet", columns_of=store.path)
        assert not (tmp_path / "t.parquet").exists()


def test_a_row_of_numbers_that_is_gone_is_missed(store):
    with sqlite3.connect(store.path) as database:
        database.execute("DELETE FROM points WHERE position = 4")
    database.close()
    with pytest.raises(StoreError, match="22 rows of numbers for 23 trials"):
        store.rows()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_changed_record_is_not_another_trial(store, tmp_path, suffix):
    path = tmp_path / f"trials.{suffix}"
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    with store.scanning() as connection:
        export(connection, path, records=True)
    rows = written(path)
    record = rows[2]["record"].replace('"accuracy":0.', '"accuracy":0.0', 1)
    assert record != rows[2]["record"]
    path = tmp_path / "changed.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, RECORDS)
        writer.writeheader()
        writer.writerow({**{name: rows[2][name] for name in RECORDS}, "record": record})
    with TrialStore(tmp_path / "other" / STORE_NAME) as other:
        with pytest.raises(StoreError, match="row 1: got damage"):
            import_file(path, other)
        assert len(other) == 0


def test_a_packed_table_that_unpacks_to_far_more_is_refused(store, tmp_path):
    pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    files = pytest.importorskip("pyarrow.parquet")
    path, text = tmp_path / "bomb.parquet", "a" * 1_000_000
    files.write_table(pa.table({"key": ["k"] * 30, "record": [text] * 30}), path, use_dictionary=False,
                      compression="zstd")  # fmt: skip
    assert path.stat().st_size < 25_000
    with pytest.raises(ConfigError, match="30 rows of 30,"):
        import_file(path, store)


MEMORY, POINT = sa.create_engine("sqlite://"), point_of(TRIALS[0])
PLACES = st.tuples(
    st.sampled_from("ab"), st.sampled_from([0.0, 1.0, 2.0, 3.5, 1e9]), st.sampled_from([0.0, 0.25, 0.5, 1.0])
)


@settings(max_examples=60)
@given(st.lists(PLACES, max_size=12))
def test_the_front_of_rows_is_the_front(drawn):
    with MEMORY.begin() as connection:
        points.create(connection, checkfirst=True)
        connection.execute(sa.delete(points))
        made = [
            {**POINT, "position": n, "stage": stage, "energy_pj": energy, "chosen_by": accuracy}
            for n, (stage, energy, accuracy) in enumerate(drawn, 1)
        ]
        if made:
            connection.execute(sa.insert(points), made)
        for stage in (None, "a", "b"):
            some = [each for each in made if stage in (None, each["stage"])]
            flags = front([(each["chosen_by"], each["energy_pj"]) for each in some]) if some else []
            expected = {each["position"] for each, flag in zip(some, flags, strict=True) if flag}
            assert front_positions(connection, stage) == expected
