"""Every number of every record has an end, so that no file asks for a loop or a sum without one."""

import importlib
import math
import pkgutil

import pytest

import spareto
from spareto.core.config import Record
from spareto.core.errors import ConfigError

for _, module, _ in pkgutil.walk_packages(spareto.__path__, "spareto."):
    if not module.startswith(("spareto.testing", "spareto.__main__")):
        importlib.import_module(module)


def below(record):
    for each in record.__subclasses__():
        yield each
        yield from below(each)


RECORDS = sorted(
    {each for each in below(Record) if each.__module__.startswith("spareto.")},
    key=lambda each: (each.__module__, each.__name__),
)
ABSURD = (10**300, -(10**300), 10**5000, 1e308, -1e308, math.nan, math.inf, -math.inf)


def leaves(schema, place=""):
    """Every number in a JSON schema, by its place."""
    if isinstance(schema, list):
        for number, each in enumerate(schema):
            yield from leaves(each, f"{place}[{number}]")
    elif isinstance(schema, dict):
        if schema.get("type") in ("integer", "number"):
            yield place, schema
        for key, each in schema.items():
            yield from leaves(each, f"{place}.{key}")


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each.__name__)
def test_every_number_has_a_largest_value(record):
    endless = [
        place
        for place, schema in leaves(record.model_json_schema())
        if not {"maximum", "exclusiveMaximum", "const", "enum"} & set(schema)
        and ".anyOf" not in place.partition(".additionalProperties")[2]  # options, checked where they go
    ]
    assert not endless


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each.__name__)
def test_absurd_numbers_are_refused_by_their_place(record):
    places = record.model_json_schema().get("properties", {})
    for key, schema in places.items():
        if key == "options" or not any(True for _ in leaves(schema)):
            continue
        for value in ABSURD:
            with pytest.raises(ConfigError) as refused:
                record.parse({key: value}, "it")
            found = [each for each in refused.value.problems if each.where.startswith(f"it.{key}")]
            assert found, key
            assert len(str(refused.value)) < 20_000
