"""The tables of a study's store, the same in SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, Table, Text, UniqueConstraint

metadata: Final = MetaData()


def _counted() -> Column[int]:
    return Column("position", Integer, primary_key=True, autoincrement=False)


trials: Final = Table(
    "trials",
    metadata,
    _counted(),
    Column("key", Text, nullable=False),
    Column("trial", Text, nullable=False),
    Column("checksum", Text),
    UniqueConstraint("key"),
)
"""Every finished trial in full, as canonical JSON."""

proposals: Final = Table(
    "proposals",
    metadata,
    _counted(),
    Column("key", Text, nullable=False),
    Column("proposal", Text, nullable=False),
    Column("checksum", Text),
    UniqueConstraint("key"),
)
"""What searches proposed."""

meta: Final = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("checksum", Text),
)
"""Facts of the study as a whole."""

points: Final = Table(
    "points",
    metadata,
    _counted(),
    Column("stage", Text, nullable=False),
    Column("trial", Text, nullable=False),
    Column("recipe_hash", Text, nullable=False),
    Column("regime", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("weight_bits", BigInteger, nullable=False),
    Column("weight_sparsity", Float(53), nullable=False),
    Column("weight_sparsity_target", Float(53)),
    Column("accuracy", Float(53)),
    Column("validation_accuracy", Float(53)),
    Column("chosen_by", Float(53), nullable=False),
    Column("energy_pj", Float(53), nullable=False),
    Column("latency_cycles", Float(53), nullable=False),
    Column("stored_bytes", Float(53), nullable=False),
    Column("weight_format", Text, nullable=False),
    Column("seconds", Float(53), nullable=False),
    Column("finished", Float(53)),
    Index("points_in_front_order", "stage", "energy_pj", "chosen_by"),
)
"""The numbers of trials that tables and fronts are made of: narrow, to read a million of them at once."""

tasks: Final = Table(
    "tasks",
    metadata,
    _counted(),
    Column("key", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("needs", Text),
    Column("owner", Text, nullable=False),
    Column("token", Text),
    Column("holder", Text),
    Column("worker", Text),
    Column("begun", Float(53)),
    Column("expires", Float(53)),
    Column("attempts", Integer, nullable=False),
    UniqueConstraint("key"),
)
"""What is still to be done, and who does it; a row goes in the transaction that puts its trial."""

formats: Final = Table("spareto_format", metadata, Column("version", Integer, nullable=False))
"""Of PostgreSQL alone: SQLite has a place for it in the file's header."""
