"""`spareto study list | show | export | import | merge | gc`: what is done with stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spareto.cli.console import Console, Flag, print_json, table_of
from spareto.core.amounts import file_size
from spareto.core.artifacts import folder_there
from spareto.core.errors import ConfigError, Problem, SparetoError, StoreError
from spareto.core.text import visible
from spareto.study.database.exports import export as write_export
from spareto.study.database.places import POINTER, STORE_NAME, StorePlace, place_for, server_url
from spareto.study.database.servers import studies_of
from spareto.study.folder import RunFolder
from spareto.study.store import TrialStore
from spareto.study.watching import state_of


def list_(where: str = "runs", /, *, json: Flag = False) -> None:
    """List the studies of a folder, or of a PostgreSQL database.

    Args:
        where: A folder with run folders in it, or postgresql://user@host/database.
        json: Print JSON.
    """
    url = server_url(where)
    stores = studies_of(url) if url else _below(Path(where))
    rows = [_row(store) for store in stores]
    if json:
        print_json(rows)
        return
    console = Console()
    if not rows:
        console.print(f"No study in {where}.")
        return
    table = table_of(["study", "where"], ["trials", "running", "waiting", "on the\nfront"], padding=0)
    for row in rows:
        said = [row["error"] or row["study"], row["where"]]
        table.add_row(*said, *(str(row[key]) for key in ("trials", "running", "waiting", "front")))
    console.print(table)


def show(run: str, /, *, json: Flag = False) -> None:
    """Show what a study's store holds: its facts, its trials, and how much room its files take.

    Args:
        run: Run folder, database file, or URL of a server with study=NAME in its query.
        json: Print JSON.
    """
    with TrialStore.of(run) as store:
        state, facts = state_of(store), store.meta
        shown = {key: facts[key] for key in _FACTS if key in facts}
        folder = RunFolder(store.place.folder, store.place.artifacts)
        size = (
            sum(path.stat().st_size for path in folder.root.rglob("*") if path.is_file())
            if not server_url(run)
            else 0
        )
        data: dict[str, Any] = {
            "where": store.place.where,
            "format": store.format,
            **shown,
            **state.to_dict(),
        }
    data |= {"artifacts": folder.url or str(folder.root), "bytes": size}
    if json:
        print_json(data)
        return
    console = Console(soft_wrap=True)
    for key in ("where", "format", *shown, "artifacts", "done", "waiting"):
        console.print(f"{key.replace('_', ' '):<20} {data[key]}")
    console.print(f"{'running':<20} {len(state.running)}")
    console.print(f"{'on the front':<20} {len(state.front)}")
    console.print(f"{'files':<20} {file_size(size)}")


_FACTS = (
    "study",
    "network",
    "dataset",
    "accelerator",
    "timesteps",
    "validation_samples",
    "test_samples",
    "test_opened_for",
)


def export(
    run: str, /, *, csv: Path | None = None, parquet: Path | None = None, records: Flag = False
) -> None:
    """Write a study's trials as a table for other programs, one row per trial.

    Args:
        run: Run folder, database file, or URL of a server with study=NAME in its query.
        csv: A CSV file to write.
        parquet: A Parquet file to write; needs the extra 'parquet'.
        records: Every trial in full, too; such a file can be imported.
    """
    wanted = [(path, suffix) for path, suffix in ((csv, ".csv"), (parquet, ".parquet")) if path is not None]
    if not wanted:
        raise ConfigError(Problem("export", "no file", "--csv FILE, --parquet FILE, or both"))
    with TrialStore.of(run) as store:
        if store.format < 3:
            cure = "Carry it on once with spareto study run, which migrates it."
            raise StoreError(Problem(store.place.where, f"study format {store.format}", "format 3", cure))
        for path, suffix in wanted:
            if path.suffix != suffix:
                raise ConfigError(Problem("export", str(path), f"a name that ends with {suffix}"))
            with store.scanning() as connection:
                file = None if store.place.url else store.place.path
                count = write_export(connection, path, records=records, columns_of=file)
            print(f"{count:,} trials: {path}")


def import_(file: Path, /, *, out: Path, store: str | None = None) -> None:
    """Bring the trials of an exported file, written with --records, into a study.

    Args:
        file: The CSV or Parquet file.
        out: Run folder, new or of the same study.
        store: URL of a PostgreSQL server, for a new study.
    """
    from spareto.study.merging import import_file
    from spareto.study.writer import only_writer

    with only_writer(out), TrialStore(_place(out, store)) as into:
        into.place.point()
        print(f"{import_file(file, into):,} trials came to {into.place.where}")


def merge(*runs: str, out: Path, store: str | None = None, artifacts: str | None = None) -> None:
    """Bring the trials of several run folders or stores, with their files, into one.

    Args:
        runs: Run folders, database files, or URLs of servers with study=NAME in their queries.
        out: Run folder, new or of the same study.
        store: URL of a PostgreSQL server, for a new study.
        artifacts: URL of a folder for the trials' files, for a new study.
    """
    from spareto.study.merging import merge as merged
    from spareto.study.writer import only_writer

    with only_writer(out), TrialStore(_place(out, store, artifacts)) as into:
        into.place.point()
        print(f"{merged(runs, into):,} trials came to {into.place.where}")


def gc(run: Path, /, *, dry_run: Flag = False, artifacts: Flag = False) -> None:
    """Remove files that no trial needs: of trials that are gone, and of workers that came too late.

    Args:
        run: Run folder.
        dry_run: Only say what would go.
        artifacts: Also at the URL that holds the trials' files; only where no other study keeps its own.
    """
    from spareto.study.merging import garbage, remove
    from spareto.study.writer import only_writer

    TrialStore.of(run).close()  # refuses what is no study before anything is locked
    with only_writer(run), TrialStore.of(run, read_only=dry_run) as store:
        if busy := [r.worker for r in store.tasks.running() if not r.late] if store.format >= 3 else []:
            cure = "Wait until the study has ended."
            raise StoreError(
                Problem(str(run), f"a trial that {busy[0]} is at", "a study that nobody runs", cure)
            )
        found = garbage(store, remote=artifacts)
        for name, size in found.items():
            print(visible(f"{name}  {file_size(size)}"))
        if not dry_run:
            remove(store, found)
        if (url := store.place.artifacts) is not None and not artifacts:
            print(
                visible(f"Files at {url} stay: other studies may need them. With --artifacts they go, too.")
            )
    said = "would go" if dry_run else "removed"
    print(f"{len(found)} files, {file_size(sum(found.values()))} {said}")


def _place(out: Path, store: str | None, artifacts: str | None = None) -> StorePlace:
    return place_for(out, store, artifacts, out.name)


def _below(folder: Path) -> list[StorePlace]:
    """Run folders in a folder, down to two levels."""
    if not folder_there(folder):
        raise StoreError(Problem(str(folder), "no such folder", "a folder with run folders in it"))
    found: list[Path] = []
    for pattern in ("", "*/", "*/*/"):
        for name in (STORE_NAME, POINTER):
            found += [path.parent for path in folder.glob(pattern + name)]
    return [StorePlace.of(path) for path in sorted(set(found))]


def _row(place: StorePlace) -> dict[str, Any]:
    """A line of the list; a store that cannot be read has one that says so."""
    row: dict[str, Any] = {"study": place.study, "where": place.where, "error": None}
    try:
        with TrialStore(place, read_only=True) as store:
            state = state_of(store)
    except SparetoError as error:
        return {**row, "error": str(error), **dict.fromkeys(("trials", "running", "waiting", "front"))}
    counts = {"trials": state.done, "running": len(state.running), "waiting": state.waiting}
    return {**row, "study": state.study or row["study"], **counts, "front": len(state.front)}
