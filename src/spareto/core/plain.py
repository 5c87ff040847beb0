"""Plain data out of YAML and JSON of strangers: no more memory and time than a file's size calls for."""

from __future__ import annotations

import re
from typing import Any, Final, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from spareto.core.strict import DEEPEST, check
from spareto.core.strict import from_json as from_json

ALIASED: Final = 10_000
"""Values that all aliases of a file may stand for together."""

LONGEST_NUMBER: Final = 1000
"""Characters of a number; the time to read one grows with their square."""

_PREFIX: Final = "tag:yaml.org,2002:"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_IMPLICIT: Final[dict[str, list[tuple[str, re.Pattern[str]]]]] = yaml.SafeLoader.yaml_implicit_resolvers
_construct: Any = yaml.constructor.SafeConstructor()
_MERGE: Final = object()


def from_yaml(text: str, tag_key: str | None = None) -> Any:
    """The data of a YAML text of one document, with plain types only.

    Args:
        text: The text.
        tag_key: Tags of one exclamation mark, such as `!Component`, are no error; a mapping behind one keeps
            it under this key.

    Raises:
        ValueError: It is none; see `from_json`.
        yaml.YAMLError: It is not well-formed.
    """
    loader = _Loader(text)
    try:
        data = _Reader(loader, tag_key).document()
    finally:
        loader.dispose()
    check(data)
    return data


class _Reader:
    """One document of a stream of YAML events as plain data; levels and aliases are counted on the way."""

    def __init__(self, events: Any, tag_key: str | None = None) -> None:
        self._events, self._tag_key = events, tag_key
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._scalars: dict[str, Any] = {}
        self._aliased = 0

    def document(self) -> Any:
        """The data of the only document; None of an empty stream."""
        events = self._events
        events.get_event()  # the stream begins
        if not events.check_event(DocumentStartEvent):
            return None
        events.get_event()
        data, _ = self._node(events.get_event(), 0)
        events.get_event()  # the document ends
        if events.check_event(DocumentStartEvent):
            raise _wrong("expected a single document, but found another", events.get_event())
        return data

    def _node(self, event: Any, depth: int) -> tuple[Any, int]:
        """The data that begins with an event, and of how many values it is."""
        if isinstance(event, ScalarEvent):
            found = self._scalar(event), 1
        elif isinstance(event, AliasEvent):
            return self._alias(event)
        elif depth >= DEEPEST:
            raise _wrong(f"lists or mappings more than {DEEPEST} deep", event)
        elif isinstance(event, SequenceStartEvent):
            found = self._sequence(event, depth + 1)
        else:
            found = self._mapping(event, depth + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = found
        return found

    def _alias(self, event: Any) -> tuple[Any, int]:
        if event.anchor not in self._anchors:
            raise _wrong(f"an alias '{event.anchor[:40]}' of nothing that ends before it", event)
        data, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > ALIASED:
            raise _wrong(f"aliases that stand for more than {ALIASED:,} values", event)
        return data, size

    def _sequence(self, event: Any, depth: int) -> tuple[list[Any], int]:
        self._own_tag(event, "seq")
        values: list[Any] = []
        total = 1
        while not isinstance(event := self._events.get_event(), SequenceEndEvent):
            value, size = self._node(event, depth)
            values.append(value)
            total += size
        return values, total

    def _mapping(self, event: Any, depth: int) -> tuple[dict[Any, Any], int]:
        tag = self._own_tag(event, "map")
        own: dict[Any, Any] = {} if tag is None else {self._tag_key: tag}
        merged: list[dict[Any, Any]] = []
        total = 1
        while not isinstance(event := self._events.get_event(), MappingEndEvent):
            key, key_size = self._node(event, depth)
            value, size = self._node(self._events.get_event(), depth)
            total += key_size + size
            if key is _MERGE:
                merged += _merged(value, event)
            elif isinstance(key, (dict, list)):
                raise _wrong("found an unhashable key", event)
            elif key in own:
                raise _wrong(f"key {str(key)[:80]!r} is given twice", event)
            else:
                own[key] = value
        for part in merged:
            for key, value in part.items():
                own.setdefault(key, value)
        return own, total

    def _scalar(self, event: Any) -> Any:
        text, tag = event.value, event.tag
        if tag is None or tag == "!":
            if not event.implicit[0]:
                return text
            if text not in self._scalars:
                self._scalars[text] = _typed(_implicit_tag(text), text, event)
            return self._scalars[text]
        return text if self._own_tag(event, "") is not None else _typed(tag, text, event)

    def _own_tag(self, event: Any, kind: str) -> str | None:
        """The name in a tag of one exclamation mark, if those are known.

        Raises:
            yaml.YAMLError: It is another tag than that of the kind.
        """
        tag = event.tag
        if self._tag_key is not None and tag is not None and tag.startswith("!") and tag != "!":
            return tag[1:]
        if kind and tag not in (None, "!", _PREFIX + kind):
            raise _wrong(f"could not determine a constructor for the tag {tag[:60]!r}", event)
        return None


def _implicit_tag(text: str) -> str:
    for tag, pattern in _IMPLICIT.get(text[:1], []):
        if pattern.match(text):
            return tag
    return _PREFIX + "str"


def _typed(tag: str, text: str, event: Any) -> Any:
    """A scalar of one of the types that JSON has too; a date is a text."""
    match tag.removeprefix(_PREFIX):
        case "str" | "timestamp" | "value":
            return text
        case "null":
            return None
        case "merge":
            return _MERGE
        case "bool" | "int" | "float" as kind:
            node = yaml.ScalarNode(tag, text)
            try:
                if len(text) > LONGEST_NUMBER:
                    raise ValueError
                return getattr(_construct, f"construct_yaml_{kind}")(node)
            except (ValueError, KeyError, IndexError, OverflowError):  # 1:59:59... is a number to base 60
                raise _wrong(f"{text[:40]!r} is no {kind}", event) from None
        case _:
            raise _wrong(f"could not determine a constructor for the tag {tag[:60]!r}", event)


def _merged(value: Any, event: Any) -> list[dict[Any, Any]]:
    parts = cast(list[Any], value if isinstance(value, list) else [value])
    if not all(isinstance(part, dict) for part in parts):
        raise _wrong("expected a mapping, or a list of them, to merge", event)
    return parts


def _wrong(what: str, event: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, what, event.start_mark)
