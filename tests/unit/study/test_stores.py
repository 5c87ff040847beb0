"""Old stores migrate behind a copy; trials travel between stores and files; garbage is what nobody names."""

import sqlite3

import pytest

import factories
from spareto.core.artifacts import canonical_json
from spareto.core.errors import ConfigError, StoreError
from spareto.records import Trial
from spareto.study.artifacts import RemoteFolder
from spareto.study.database.exports import export
from spareto.study.database.formats import APPLICATION
from spareto.study.database.places import StorePlace, place_for, schema_of, server_url, without_password
from spareto.study.folder import RunFolder
from spareto.study.front import front_rows
from spareto.study.merging import garbage, import_file, merge, remove
from spareto.study.store import STORE_NAME, TrialStore

TRIALS = factories.study()
FORMAT_2 = f"""
CREATE TABLE trials (
    position INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, trial TEXT NOT NULL, checksum TEXT
);
CREATE TABLE proposals (
    position INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, proposal TEXT NOT NULL, checksum TEXT
);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum TEXT);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = 2;
"""


def of_format_2(path):
    database = sqlite3.connect(path)
    database.executescript(FORMAT_2)
    rows = [(n + 1, f"key {n}", canonical_json(trial.to_dict()), None) for n, trial in enumerate(TRIALS)]
    database.executemany("INSERT INTO trials VALUES (?, ?, ?, ?)", rows)
    database.execute("INSERT INTO meta VALUES ('study', 'old', NULL)")
    database.commit()
    database.close()
    return path


@pytest.fixture
def full(tmp_path):
    """A store of every trial, with the files of some."""
    with TrialStore(tmp_path / "full" / STORE_NAME) as store:
        folder = RunFolder(tmp_path / "full")
        store.set_meta(study="full", base_hash="base-0")
        for n, trial in enumerate(TRIALS):
            digest = folder.keep(
                "network", trial.recipe, 0, lambda path, n=n: path.write_text(f"network {n}")
            )
            manifest = trial.manifest.replace(artifacts={"network": digest})
            store.put(f"key {n}", trial.replace(manifest=manifest))
        yield store


def test_an_old_store_is_read_as_it_is(tmp_path):
    path = of_format_2(tmp_path / STORE_NAME)
    before = path.read_bytes()
    with TrialStore(path, read_only=True) as store:
        assert store.trials() == tuple(TRIALS)
        assert store.rows() == front_rows(TRIALS)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [STORE_NAME]


def test_an_old_store_migrates_behind_a_copy(tmp_path):
    path = of_format_2(tmp_path / STORE_NAME)
    before = path.read_bytes()
    with TrialStore(path) as store:
        assert (store.format, store.meta) == (3, {"study": "old"})
        assert store.trials() == tuple(TRIALS)
        assert store.rows() == front_rows(TRIALS)
        store.put("another", TRIALS[0])
        assert len(store) == len(TRIALS) + 1
    assert (tmp_path / "study-format-2.sqlite").read_bytes() == before


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path):
    path = of_format_2(tmp_path / STORE_NAME)
    database = sqlite3.connect(path)
    database.execute("UPDATE trials SET trial = '{' WHERE key = 'key 7'")
    database.commit()
    database.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="in trial 'key 7'"):
        TrialStore(path)
    assert path.read_bytes() == before


def test_the_front_of_a_store_is_that_of_its_trials(full):
    expected = [row for row in front_rows(TRIALS) if row["on_front"]]
    assert full.rows(front=True) == expected


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_exported_file_is_imported_whole(full, tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    path = tmp_path / f"trials.{suffix}"
    with full.scanning() as connection:
        assert export(connection, path, records=True) == len(TRIALS)
    with TrialStore(tmp_path / "other" / STORE_NAME) as other:
        assert import_file(path, other) == len(TRIALS)
        assert other.items() == full.items()
        assert import_file(path, other) == 0
        other.set_meta(base_hash="another")
        with pytest.raises(StoreError, match="trials of another study"):
            import_file(path, other)


def test_what_cannot_be_exported_or_imported_is_said(full, tmp_path):
    with full.scanning() as connection:
        with pytest.raises(ConfigError, match=r"ends with \.csv or \.parquet"):
            export(connection, tmp_path / "trials.xlsx")
        export(connection, tmp_path / "trials.csv")
    with pytest.raises(ConfigError, match="--records"):
        import_file(tmp_path / "trials.csv", full)


def test_merged_trials_bring_their_files(full, tmp_path):
    with TrialStore(tmp_path / "merged" / STORE_NAME) as merged:
        assert merge([tmp_path / "full"], merged) == len(TRIALS)
        assert merged.items() == full.items()
        folder = RunFolder(tmp_path / "merged")
        assert folder.file("network", merged.trials()[3]).read_text() == "network 3"


def test_a_damaged_file_is_not_merged(full, tmp_path):
    RunFolder(tmp_path / "full").file("network", full.trials()[3]).write_text("damaged")
    with TrialStore(tmp_path / "merged" / STORE_NAME) as merged:
        with pytest.raises(StoreError, match="another content"):
            merge([tmp_path / "full"], merged)
        assert len(merged) == 3, "those before it came whole"


STRAY = "mine-seed0-0123456789abcdef.safetensors"


@pytest.mark.parametrize("digest", ["/../../../a", "", "0" * 63, "0" * 64 + "\n", "A" * 64])
def test_what_is_no_digest_becomes_no_path(digest):
    data = TRIALS[0].to_dict()
    data["manifest"]["artifacts"] = {"network": digest}
    with pytest.raises(ConfigError, match="artifacts"):
        Trial.parse(data, "trial")


def test_garbage_is_what_no_trial_names(full, tmp_path):
    assert garbage(full) == {}
    stray = tmp_path / "full" / "networks" / STRAY
    stray.write_text("stray")
    unfinished = tmp_path / "full" / "checkpoints" / "not-done.safetensors"
    unfinished.parent.mkdir()
    unfinished.write_text("is gone on with")
    (unfinished.parent / "key 1.safetensors").write_text("done")
    (tmp_path / "full" / "networks" / "notes.txt").write_text("somebody's")
    found = garbage(full)
    assert sorted(found) == sorted([str(stray), str(unfinished.parent / "key 1.safetensors")])
    remove(full, found)
    assert garbage(full) == {}
    assert unfinished.exists()


def test_nothing_behind_a_link_is_garbage(full, tmp_path):
    """A stranger's run folder may name any folder of ours."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / STRAY).write_text("needed")
    (tmp_path / "full" / "workloads").symlink_to(elsewhere)
    (tmp_path / "full" / "networks" / STRAY).symlink_to(elsewhere / STRAY)
    assert garbage(full) == {}


def test_files_at_a_url_are_garbage_only_when_asked(tmp_path):
    """Two studies may keep theirs at one URL, and other files may be there."""
    url = tmp_path / "remote"
    for name in (f"networks/{STRAY}", f"networks/{STRAY}.01234567.part", "thesis.tex", "networks/my.json"):
        (url / name).parent.mkdir(parents=True, exist_ok=True)
        (url / name).write_text("x")
    place = StorePlace(tmp_path / "run" / STORE_NAME, None, url.as_uri())
    with TrialStore(place) as store:
        assert garbage(store) == {}
        found = garbage(store, remote=True)
        assert sorted(found) == [f"{url.as_uri()}/networks/{STRAY}{end}" for end in ("", ".01234567.part")]
        remove(store, found)
    assert sorted(path.name for path in url.rglob("*.*")) == ["my.json", "thesis.tex"]


def test_files_lie_at_a_url_too_and_come_from_there(tmp_path):
    url = (tmp_path / "remote").as_uri()
    here, there = RunFolder(tmp_path / "here", url), RunFolder(tmp_path / "there", url)
    trial = TRIALS[1]
    digest = here.keep("workload", trial.recipe, 0, lambda path: path.write_text("{}"))
    trial = trial.replace(manifest=trial.manifest.replace(artifacts={"workload": digest}))
    assert there.file("workload", trial).read_text() == "{}"
    remote = RemoteFolder(url)
    (name,) = remote.names()
    (tmp_path / "remote" / name).write_text("damaged")
    with pytest.raises(StoreError, match="another content"):
        RunFolder(tmp_path / "third", url).file("workload", trial)
    with pytest.raises(ConfigError, match="a URL that fsspec knows"):
        RemoteFolder("nothing://folder")


@pytest.mark.parametrize("ends", [("-a", "-b"), ("-eyeriss-1", "-loihi-2"), ("ä", "")])
def test_long_names_have_schemas_of_their_own(ends):
    schemas = [schema_of("study" * 20 + end) for end in ends]
    assert len({*schemas}) == len(ends)
    assert all(len(schema) < 63 for schema in schemas)
    assert [schema_of(schema.removeprefix("spareto_")) for schema in schemas] == schemas  # as lists call them


def test_a_pointer_says_where_a_store_is_but_no_password(tmp_path):
    url = "postgresql://me:secret@host:5432/db?sslmode=require"
    place = place_for(tmp_path, url, "s3://bucket/x", "my study")
    assert (place.schema, place.study) == ("spareto_my_study", "my study")
    assert place.server == "postgresql+psycopg://me:secret@host:5432/db?sslmode=require"
    place.point()
    assert "secret" not in (tmp_path / "store.json").read_text()
    found = StorePlace.of(tmp_path)
    assert (found.url, found.artifacts) == (without_password(place.url), "s3://bucket/x")
    assert place_for(tmp_path, url, None, "my study").artifacts == "s3://bucket/x"
    with pytest.raises(StoreError, match="trials in"):
        place_for(tmp_path, "postgresql://other/db", None, "my study")
    with pytest.raises(ConfigError, match="the URL of a PostgreSQL server"):
        place_for(tmp_path, "mysql://host/db", None, "my study")
    assert server_url("runs/demo") is None
