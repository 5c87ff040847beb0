"""The studies that a PostgreSQL database holds."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import sqlalchemy as sa

from spareto.study.database.engines import Database
from spareto.study.database.places import POINTER, StorePlace, schema_of
from spareto.study.database.tables import formats


def studies_of(url: str) -> list[StorePlace]:
    """Where each study of a server is; their names are those of their schemas."""
    database = Database(StorePlace(Path(POINTER), url), read_only=True)
    try:
        with database.reading() as connection:
            looked = sa.inspect(connection)
            names = [name for name in looked.get_schema_names() if name.startswith(schema_of("")[:8])]
            found = [name for name in names if looked.has_table(formats.name, schema=name)]
    finally:
        database.close()
    joined = f"{url}{'&' if '?' in url else '?'}"
    return [StorePlace(Path(POINTER), joined + urlencode({"study": name[8:]})) for name in sorted(found)]
