"""Where a study's store is: a database file, a run folder, or the URL of a PostgreSQL server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from spareto.core.arguments import of_kind
from spareto.core.artifacts import canonical_json, fingerprint, folder_there, there, write_text
from spareto.core.errors import ConfigError, Problem, StoreError
from spareto.core.strict import from_json
from spareto.core.text import component, shown

STORE_NAME: Final = "study.sqlite"
POINTER: Final = "store.json"
"""File of a run folder whose trials are kept elsewhere."""

_URL: Final = re.compile(r"^postgres(?:ql)?(?:\+psycopg)?://(.*)$", re.DOTALL)
_STUDY: Final = "study"
_LONGEST_NAME: Final = 50


@dataclass(frozen=True)
class StorePlace:
    """Where a store is.

    Args:
        path: The database file; of a server's store, the run folder's pointer to it.
        url: That of the server, with `study=NAME` in its query; None for a file.
        artifacts: URL of the folder that holds the artefacts; None for the run folder itself.
    """

    path: Path
    url: str | None = None
    artifacts: str | None = None

    @property
    def where(self) -> str:
        """How messages call it; without a password."""
        return str(self.path) if self.url is None else without_password(self.url)

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.path.parent

    @property
    def study(self) -> str:
        """The name of the study on its server."""
        return dict(parse_qsl(urlsplit(self.url or "").query)).get(_STUDY, "")

    @property
    def schema(self) -> str:
        """The schema that holds the study's tables on its server."""
        return schema_of(self.study)

    @property
    def server(self) -> str:
        """The URL without the study, as SQLAlchemy takes it."""
        parts = urlsplit(self.url or "")
        query = [(key, value) for key, value in parse_qsl(parts.query) if key != _STUDY]
        return urlunsplit(parts._replace(scheme="postgresql+psycopg", query=urlencode(query)))

    @classmethod
    def of(cls, run: str | Path) -> StorePlace:
        """That of a run folder, a database file, or a server's URL.

        Raises:
            ConfigError: It is no path.
            StoreError: The run folder's pointer is damaged.
        """
        of_kind(run, (str, Path), "run", "a run folder, its database, or a server's URL")
        if (url := server_url(str(run))) is not None:
            return cls(Path(POINTER), url)
        run = Path(run)
        if there(run / POINTER):
            return _pointed_to(run / POINTER)
        is_file = there(run) or (run.suffix == Path(STORE_NAME).suffix and not folder_there(run))
        return cls(run if is_file else run / STORE_NAME)

    def point(self) -> None:
        """Leave a word in the run folder of where its store is; a password is not written down."""
        said = {"store": without_password(self.url or "")} if self.url else {}
        said |= {"artifacts": self.artifacts} if self.artifacts else {}
        if said:
            write_text(self.folder / POINTER, canonical_json(said))


def server_url(text: str) -> str | None:
    """The URL of a PostgreSQL server as it is written here, if it is one."""
    found = _URL.match(text)
    return None if found is None else f"postgresql://{found[1]}"


def place_for(folder: Path, store: str | None, artifacts: str | None, study: str) -> StorePlace:
    """Where a study that is run keeps its trials.

    Args:
        folder: The run folder.
        store: The URL of a PostgreSQL server; None for the folder's own file, or where it points to.
        artifacts: URL of a folder for the artefacts; None for the run folder, or where it points to.
        study: The study's name.

    Raises:
        ConfigError: No server has such a URL.
        StoreError: The folder's trials are elsewhere.
    """
    known = StorePlace.of(folder)
    if store is not None and server_url(store) is None:
        cure = "Write postgresql://user@host/database, or leave it out for a file in the run folder."
        raise ConfigError(
            Problem("store", shown(without_password(store)), "the URL of a PostgreSQL server", cure)
        )
    wanted = (
        known if store is None else StorePlace(folder / POINTER, _of_study(server_url(store) or "", study))
    )
    wanted = StorePlace(wanted.path, wanted.url, artifacts or known.artifacts)
    own = there(folder / STORE_NAME) and not there(folder / POINTER)
    same = known.url is None or without_password(wanted.url or "") == without_password(known.url)
    if (own and wanted.url is not None) or not same or (known.artifacts or artifacts) != wanted.artifacts:
        cure = "Leave --store out, choose another folder with --out, or move the trials: spareto study merge."
        raise StoreError(Problem(str(folder), f"trials in {known.where}", f"trials in {wanted.where}", cure))
    return wanted


def schema_of(study: str) -> str:
    """The schema of a study's tables: letters, digits and underscores, as PostgreSQL's names are.

    PostgreSQL cuts names at 63 bytes, so a longer one ends with a fingerprint.
    """
    name = component(study, len(study)).replace("-", "_")
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 9]}_{fingerprint(study, 8)}"
    return f"spareto_{name}"


def without_password(url: str) -> str:
    """The URL as it may be shown and written down."""
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1@", url)


def _of_study(url: str, study: str) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return urlunsplit(parts._replace(query=urlencode({**query, _STUDY: query.get(_STUDY, study)})))


def _pointed_to(path: Path) -> StorePlace:
    try:
        found: Any = from_json(path.read_text(encoding="utf-8"))
        store, artifacts = found.get("store"), found.get("artifacts")
        url = None if store is None else server_url(store)
        if (store is not None and url is None) or not isinstance(artifacts, str | None):
            raise ValueError("no URL of a store")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        cure = "Run the study again with --store, which writes it anew."
        raise StoreError(Problem(str(path), str(error), "where the study's trials are", cure)) from None
    return StorePlace(path if url else path.parent / STORE_NAME, url, artifacts)
