import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import factories
from spareto.core.errors import StoreError
from spareto.study.store import STORE_NAME, TrialStore

TRIALS = factories.study()
REPLACE = "Check the path, or start a new study folder."


def stored(path: Path, count: int = 3) -> Path:
    with TrialStore(path) as store:
        for index, trial in enumerate(TRIALS[:count]):
            store.put(f"key {index}", trial)
    return path


def refusal(path: Path, *, read_only: bool) -> str:
    with pytest.raises(StoreError) as caught:
        TrialStore(path, read_only=read_only)
    return str(caught.value)


def test_trials_come_back_equal_and_in_order(tmp_path: Path) -> None:
    path = stored(tmp_path / "deep" / "folder" / STORE_NAME, len(TRIALS))
    with TrialStore(path, read_only=True) as store:
        assert store.trials() == tuple(TRIALS)
        assert len(store) == len(TRIALS)


def test_get_and_contains(tmp_path: Path) -> None:
    with TrialStore(stored(tmp_path / STORE_NAME)) as store:
        assert store.get("key 1") == TRIALS[1]
        assert store.get("key 9") is None
        assert "key 1" in store
        assert "key 9" not in store


def test_a_known_key_is_replaced_in_place(tmp_path: Path) -> None:
    with TrialStore(stored(tmp_path / STORE_NAME)) as store:
        store.put("key 0", TRIALS[7])
        assert store.trials() == (TRIALS[7], TRIALS[1], TRIALS[2])


def test_meta_keeps_order_and_takes_new_values(tmp_path: Path) -> None:
    with TrialStore(tmp_path / STORE_NAME) as store:
        store.set_meta(study="demo", network="conv")
        store.set_meta(study="demo 2")
    with TrialStore(tmp_path / STORE_NAME, read_only=True) as store:
        assert list(store.meta.items()) == [("study", "demo 2"), ("network", "conv")]


def test_a_put_trial_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / STORE_NAME
    script = (
        "import os, signal, sys\n"
        "import factories\n"
        "from spareto.study.store import TrialStore\n"
        "store = TrialStore(sys.argv[1])\n"
        "store.put('one', factories.study()[0])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(factories.__file__).parent)}
    killed = subprocess.run([sys.executable, "-c", script, str(path)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    with TrialStore(path, read_only=True) as store:
        assert store.trials() == (TRIALS[0],)


def test_a_reader_sees_what_a_running_writer_has_put(tmp_path: Path) -> None:
    path = tmp_path / STORE_NAME
    with TrialStore(path) as writer, TrialStore(path, read_only=True) as reader:
        writer.put("one", TRIALS[0])
        assert reader.trials() == (TRIALS[0],)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = stored(tmp_path / STORE_NAME)
    with TrialStore(path, read_only=True) as reader, pytest.raises(StoreError, match="readonly"):
        reader.put("one", TRIALS[0])


def test_a_run_is_its_folder_or_its_file(tmp_path: Path) -> None:
    path = stored(tmp_path / STORE_NAME)
    for run in (tmp_path, path):
        with TrialStore.of(run) as store:
            assert len(store) == 3


def test_reading_a_missing_study_creates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "none" / STORE_NAME
    expected = "expected a study database. Check the path, or run 'spareto study run' first."
    assert refusal(path, read_only=True) == f"{path}: got no such file; {expected}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [True, False])
def test_a_newer_format_is_refused(tmp_path: Path, read_only: bool) -> None:
    path = stored(tmp_path / STORE_NAME)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 4")
    database.close()
    before = path.read_bytes()
    expected = "expected format 3 or older. Update spareto, or start a new study folder."
    assert refusal(path, read_only=read_only) == f"{path}: got study format 4; {expected}"
    assert path.read_bytes() == before


def test_trials_of_the_first_format_are_read_and_not_gone_on_with(tmp_path: Path) -> None:
    path = stored(tmp_path / STORE_NAME)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 1")
    database.close()
    before = path.read_bytes()
    expected = (
        "got study format 1; expected format 2 or newer to go on with; older ones can be read. Start a new"
    )
    assert refusal(path, read_only=False).startswith(f"{path}: {expected} study folder")
    with TrialStore(path, read_only=True) as store:
        assert len(store.trials()) == len(store)
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / STORE_NAME
    path.write_text("accuracy,energy\n" * 100)
    expected = f"expected a study written by spareto. {REPLACE}"
    assert refusal(path, read_only=read_only) == f"{path}: got no SQLite database; {expected}"
    assert path.read_text() == "accuracy,energy\n" * 100


@pytest.mark.parametrize("read_only", [True, False])
def test_another_programs_database_is_refused(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / STORE_NAME
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
        database.execute("PRAGMA user_version = 74")
    database.close()
    expected = f"expected a study written by spareto. {REPLACE}"
    assert refusal(path, read_only=read_only) == f"{path}: got another program's database; {expected}"


def test_an_empty_file_is_a_new_study_but_nothing_to_read(tmp_path: Path) -> None:
    path = tmp_path / STORE_NAME
    path.touch()
    expected = f"expected a study written by spareto. {REPLACE}"
    assert refusal(path, read_only=True) == f"{path}: got an empty database; {expected}"
    assert len(TrialStore.of(stored(path)).trials()) == 3


def test_a_damaged_trial_is_named(tmp_path: Path) -> None:
    path = stored(tmp_path / STORE_NAME)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE trials SET trial = substr(trial, 1, 40) WHERE key = 'key 1'")
    database.close()
    with TrialStore(path, read_only=True) as store, pytest.raises(StoreError, match="in trial 'key 1'"):
        store.trials()


def test_a_folder_that_cannot_hold_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / STORE_NAME
    path.mkdir()
    cure = "Check the disk and its rights, and that no other program holds the file."
    expected = f"got unable to open database file; expected a study database that can be used. {cure}"
    assert refusal(path, read_only=False) == f"{path}: {expected}"
