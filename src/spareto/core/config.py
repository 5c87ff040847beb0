"""Records parsed from YAML or JSON: frozen values, or one error that names every bad key."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema
from typing_extensions import override

from spareto.core.artifacts import fingerprint, there, write_text
from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of, suggestion
from spareto.core.plain import from_json, from_yaml
from spareto.core.strict import SURROGATE
from spareto.core.text import shown

SEAL: Final = "checksum"
"""Key of the checksum in a JSON file that has one."""

SHOWN: Final = 20
"""Problems of one input that its error names; a file may have a million."""

_PLAIN: Final = frozenset((int, float, bool, type(None)))
_WHOLE: Final = object()
_log = logging.getLogger("spareto")
RecordT = TypeVar("RecordT", bound="Record")


@dataclass(frozen=True)
class Rule:
    """States, beside a field's type, the rule and the cure its error will print.

    >>> from typing import Annotated
    >>> from pydantic import Field
    >>> Bits = Annotated[int, Field(ge=1, le=16, strict=True), Rule("an integer from 1 to 16")]
    """

    text: str
    cure: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(value)
        except ValidationError:
            raise PydanticCustomError("rule", "{rule}", {"rule": self.text, "cure": self.cure}) from None


@dataclass(frozen=True)
class Named:
    """Marks a field that holds the name of a variant, for the schema of its file.

    Args:
        package: Where the variants are, `spareto.pruners`; its `registry` knows their names.
    """

    package: str


def contradiction(problems: Sequence[Problem]) -> PydanticCustomError:
    """What a record's own validator raises where its fields do not fit together.

    Args:
        problems: Each with a place below the record, such as `.timesteps` or `.layers[1].name`; at least one.
    """
    text = "; ".join(f"got {each.got}, expected {each.rule}" for each in problems)
    return PydanticCustomError("contradiction", "{text}", {"text": text, "problems": tuple(problems)})


@dataclass(frozen=True)
class _UnknownKey:
    """Takes the place of an unknown key's value, so that its error can list the keys that are known."""

    value: Any
    known: tuple[str, ...]


class Record(BaseModel):
    """A frozen value that refuses unknown keys and goes to JSON and back without loss.

    Raises:
        ConfigError: Fields break rules; names every one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    if not TYPE_CHECKING:  # type checkers know the fields

        def __init__(self, **fields: Any) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                where = type(self).__name__
                raise ConfigError(problems_of(error, fields, where)) from None

        # a record inside another is validated with it, so that one error names every problem
        __init__.__pydantic_base_init__ = True

    @model_validator(mode="before")
    @classmethod
    def _mark_unknown_keys(cls, data: Any, about: ValidationInfo) -> Any:
        if type(data) is not dict and not isinstance(data, Mapping):
            return data
        given = cast(Mapping[Any, Any], data)
        whole = about.context is _WHOLE
        if not whole and (halves := [key for key, value in given.items() if _has_halves(value)]):
            rule, cure = "text of whole characters", "Remove the lone surrogate."
            raise contradiction([Problem(f".{key}", shown(given[key]), rule, cure) for key in halves])
        known = _keys(cls)
        if given.keys() <= known.keys():
            return given
        unknown = partial(_UnknownKey, known=tuple(known))
        return {key: value if key in known else unknown(value) for key, value in given.items()}

    @classmethod
    def parse(cls, data: Any, where: str, whole: bool = False) -> Self:
        """Build the record from plain data.

        Args:
            data: Keys and values.
            where: The root of the paths in error messages.
            whole: No text in it holds half a character, as none does that `load_data` gave.

        Raises:
            ConfigError: With every problem of `data`, not just the first.
        """
        try:
            return cls.model_validate(data, context=_WHOLE if whole else None)
        except ValidationError as error:
            raise ConfigError(problems_of(error, data, where)) from None

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read the record from a `.yaml`, `.yml` or `.json` file.

        Raises:
            ConfigError: The file is missing, is not YAML or JSON, or breaks a rule of the record.
        """
        return cls.parse(load_keys(path), cls.__name__.lower(), whole=True)

    def replace(self, **changes: Any) -> Self:
        """A copy with other values in some fields, checked as if the record were made anew.

        What was left to its default stays so.

        Raises:
            ConfigError: A value breaks a rule, or there is no such field; names every one.

        Example:
            >>> from spareto.records import TrainingPlan
            >>> TrainingPlan(epochs=5).replace(batch_size=64).epochs
            5
        """
        fields = type(self).model_fields
        given = {name: getattr(self, name) for name in fields if name in self.model_fields_set} | changes
        keys = {name: field.alias or name for name, field in fields.items()}
        return self.parse({keys.get(name, name): value for name, value in given.items()}, type(self).__name__)

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; what `update` changes is checked, as by `replace`.

        Raises:
            ConfigError: A value breaks a rule, or there is no such field.
        """
        changed = self.replace(**update) if update else self
        return super(Record, changed).model_copy(deep=deep)

    @override
    def copy(self, *, update: dict[str, Any] | None = None, deep: bool = False, **left: Any) -> Self:
        """As `model_copy`.

        Raises:
            ConfigError: A value breaks a rule, there is no such field, or fields are to be left out.
        """
        if left:
            where, cure = f"{type(self).__name__}.copy", "Use model_dump."
            raise ConfigError(Problem(where, ", ".join(left), "update or deep", cure))
        return self.model_copy(update=update, deep=deep)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        fields = type(self).model_fields
        for name, value in super().__repr_args__():  # a notebook is told what differs from the defaults
            if name not in fields or value != fields[name].get_default(call_default_factory=True):
                yield name, value

    def __str__(self) -> str:
        return repr(self)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON-able data."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def hash(self) -> str:
        """Fingerprint of every field, defaults included: a default that changes gives another one."""
        return fingerprint(self.to_dict())

    def save(self, path: str | Path) -> None:
        """Write the record as JSON, atomically."""
        write_text(Path(path), json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")


def _has_halves(value: Any) -> bool:
    """Whether a text, or one in a list or mapping, holds half a character, which no file can.

    Mappings in a list are left out: they become records, which look themselves.
    """
    kind = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is str:
        return not value.isascii() and SURROGATE.search(value) is not None
    if kind in _PLAIN:
        return False
    if isinstance(value, (list, tuple)):
        listed = cast(Sequence[Any], value)
        return not _PLAIN.issuperset(map(type, listed)) and any(
            _has_halves(each) for each in listed if isinstance(each, (str, list, tuple))
        )
    if isinstance(value, Mapping):
        mapping = cast(Mapping[Any, Any], value)
        return any(map(_has_halves, mapping)) or any(map(_has_halves, mapping.values()))
    return isinstance(value, str) and _has_halves(str(value))


@cache
def _keys(record: type[Record]) -> dict[str, None]:
    """The keys of a record, in order."""
    return {field.alias or name: None for name, field in record.model_fields.items()}


def load_data(path: str | Path) -> Any:
    """Read YAML or JSON as plain data; a key given twice is an error, not a silent override.

    Raises:
        ConfigError: The file is missing or cannot be parsed.
    """
    path = Path(path)
    if not there(path):
        raise ConfigError(Problem(str(path), "no such file", "a YAML or JSON file", "Check the path."))
    try:
        text = path.read_text(encoding="utf-8")
        return from_json(text) if path.suffix == ".json" else from_yaml(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: JSON, UTF-8, a key given twice
        said = str(error)
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
            said = (
                f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
            )
        reason = " ".join(said.split())[:300]
        raise ConfigError(Problem(str(path), reason, "well-formed YAML or JSON", "Mend that line.")) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(Problem(str(path), reason, "a file to read", "Check its rights.")) from None


def load_keys(path: str | Path) -> Any:
    """Read YAML or JSON that must hold keys and values; see `load_data`.

    Raises:
        ConfigError: The file is missing, cannot be parsed, is empty, or holds something else.
    """
    data = load_data(path)
    if isinstance(data, Mapping):
        return cast(Any, data)
    got = "an empty file" if data is None else "a list" if isinstance(data, list) else shown(data)
    raise ConfigError(Problem(str(path), got, "keys and values", "Write them as 'key: value'."))


def save_sealed(path: Path, data: dict[str, Any]) -> None:
    """Write data as JSON with a checksum, atomically."""
    write_text(path, json.dumps({**data, SEAL: _seal(data)}, indent=1, allow_nan=False) + "\n")


def load_sealed(path: str | Path) -> Any:
    """Read data that `save_sealed` wrote; a file without a checksum is read too, with a word.

    Raises:
        ConfigError: The file is missing, cannot be parsed, holds no keys, or is not as it was written.
    """
    found = dict(load_keys(path))
    if SEAL not in found:
        _log.info("spareto: %s has no checksum: an older version, or a hand, wrote it.", path)
        return found
    seal = found.pop(SEAL)
    if seal != _seal(found):
        cure = f"Make it again; to change it by hand, take the key '{SEAL}' out."
        raise ConfigError(Problem(str(path), "a file whose checksum differs", "one as it was written", cure))
    return found


def _seal(data: Any) -> str:
    return fingerprint(data, 64)


def problems_of(error: ValidationError, data: Any, where: str) -> Iterator[Problem]:
    """What pydantic found wrong with data, each with its place below `where`."""
    lines = error.errors(include_url=False)
    for line in lines[:SHOWN]:
        if line["type"] != "contradiction":
            yield _problem(line, data, where)
            continue
        place = where + _path(line["loc"], data)
        for each in line.get("ctx", {})["problems"]:
            yield replace(each, where=place + each.where)
    if len(lines) > SHOWN:
        yield Problem(where, f"{len(lines) - SHOWN} more such problems", "none")


def _problem(line: ErrorDetails, data: Any, where: str) -> Problem:
    place = where + _path(line["loc"], data)
    context = line.get("ctx", {})
    value = line["input"]
    match line["type"]:
        case "rule":
            return Problem(place, shown(value), context["rule"], context["cure"])
        case "extra_forbidden" if isinstance(value, _UnknownKey):
            key = str(line["loc"][-1])
            return Problem(place, "an unknown key", one_of(value.known), suggestion(key, value.known))
        case "missing":
            return Problem(place, "nothing", "a value", f"Add the key '{line['loc'][-1]}'.")
        case "union_tag_invalid":
            key = context["discriminator"].strip("'")
            tags = [tag.strip().strip("'") for tag in context["expected_tags"].split(",")]
            return Problem(
                f"{place}.{key}", repr(context["tag"]), one_of(tags), did_you_mean(context["tag"], tags)
            )
        case "union_tag_not_found":
            key = context["discriminator"].strip("'")
            return Problem(f"{place}.{key}", "nothing", "a value", f"Add the key '{key}'.")
        case "value_error":
            return Problem(place, shown(value), str(context["error"]))
        case "tuple_type" | "list_type":
            one = value[:40] if isinstance(value, str) else shown(value, 40)
            cure = f"Write [{one}]." if isinstance(value, str | int | float) else ""
            return Problem(place, shown(value), "a list", cure)
        case "model_type" | "dict_type":
            return Problem(place, shown(value), "keys and values", "Write {key: value}.")
        case "too_short" | "too_long":
            bound = "min_length" if line["type"] == "too_short" else "max_length"
            few, count = ("least" if bound == "min_length" else "most"), context[bound]
            return Problem(place, shown(value), f"at {few} {count:,} {'item' if count == 1 else 'items'}")
        case "bool_type" | "bool_parsing":
            return Problem(place, shown(value), "true or false")
        case "literal_error":
            known = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
            return Problem(place, shown(value), one_of(known), did_you_mean(value, known))
        case _:
            rule = line["msg"].removeprefix("Input should be ").removeprefix("String should have ")
            return Problem(place, shown(value), rule)


def _path(location: tuple[int | str, ...], data: Any) -> str:
    """Render `("steps", 1, "quantize", "bits")` as `.steps[1].bits`; union tags are not part of the input.

    A tag that stands in no input, such as `(own)`, is written in parentheses.
    """
    path = ""
    current: Any = data
    for index, part in enumerate(location):
        if isinstance(current, Mapping) and part in current:
            path += f".{str(part)[:80]}"
            current = cast(Any, current[part])
        elif isinstance(part, int):
            path += f"[{part}]"
            listed = cast(Any, current) if isinstance(current, (list, tuple)) else ()
            current = listed[part] if 0 <= part < len(listed) else None
        elif index == len(location) - 1 and not part.startswith("("):
            path += f".{part[:80]}"
    return path
