"""Time and memory of reading follow the size of the text, whatever it is made of."""

import contextlib
import json
import time
import tracemalloc

import pytest
import yaml

from spareto.core.plain import ALIASED, DEEPEST, from_json, from_yaml

SMALL, FACTOR = 10_000, 8
SLOWER = 3.0
"""How much slower than in proportion a text of `FACTOR` times the size may be; quadratic is `FACTOR`."""

MULTIPLE = 150
"""Bytes of memory a byte of text may take; `{},` is a Python object of 64 bytes in 3."""


def times(piece, size, head="", tail=""):
    return head + piece * (size // len(piece)) + tail


def numbered(form, size):
    """Pieces that are all different, until there are enough."""
    made, length, number = [], 0, 0
    while length < size:
        made.append(form.format(number))
        length += len(made[-1])
        number += 1
    return "".join(made)


YAML = {
    "many keys": lambda n: numbered("key{0}: 1\n", n),
    "many keys in a line": lambda n: "{" + numbered("k{0}: 1, ", n) + "}",
    "keys that hash alike": lambda n: numbered("{0}: 1\n", n),
    "a long key": lambda n: f"{'k' * 900}: {'v' * n}\n",
    "a long quoted key": lambda n: f'? "{"k" * n}"\n: 1\n',
    "a long line": lambda n: times("a ", n, "x: "),
    "a long quoted line": lambda n: times("\\u00e4", n, 'x: "', '"'),
    "a long number": lambda n: f"x: {'9' * n}",
    "a long fraction": lambda n: f"x: 0.{'3' * n}",
    "a long exponent": lambda n: f"x: 1e+{'9' * n}",
    "a long hexadecimal": lambda n: f"x: 0x{'f' * n}",
    "a long binary": lambda n: f"x: 0b{'1' * n}",
    "a long octal": lambda n: f"x: 0{'7' * n}",
    "base sixty": lambda n: times(":59", n, "x: 1"),
    "base sixty with a fraction": lambda n: times(":59", n, "x: 1", ".5"),
    "nearly a number": lambda n: times("1_", n, "x: ", "z"),
    "nearly a date": lambda n: "x: 2001-01-01 " + " " * n + "z",
    "a block": lambda n: "x: |\n" + times("  line\n", n),
    "a folded block": lambda n: "x: >\n" + times("  line\n\n", n),
    "a block of spaces": lambda n: "x: |\n" + times("  \n", n),
    "comments": lambda n: times("# nothing\n", n, tail="x: 1\n"),
    "empty lines": lambda n: times("\n", n, tail="x: 1\n"),
    "a list": lambda n: times("- 1\n", n),
    "a list of texts": lambda n: numbered("- text {0}\n", n),
    "a list in a line": lambda n: times("1,", n, "[", "]"),
    "empty lists": lambda n: times("[],", n, "[", "]"),
    "empty mappings": lambda n: times("{},", n, "[", "]"),
    "mappings of one key": lambda n: times("{a: b},", n, "[", "]"),
    "complex keys": lambda n: times("? a\n: - b\n", n, "- "),
    "nested as deep as may be": lambda n: times("[" * (DEEPEST - 2) + "]" * (DEEPEST - 2) + ",", n, "[", "]"),
    "nested too deep": lambda n: "[" * n,
    "nested mappings too deep": lambda n: "{a: " * (n // 4),
    "nested by indents": lambda n: "".join(" " * i + "a:\n" for i in range(int((2 * n) ** 0.5))),
    "dashes": lambda n: "- " * (n // 2),
    "question marks": lambda n: "? " * (n // 2),
    "anchors": lambda n: numbered("- &a{0} x\n", n),
    "an anchor again and again": lambda n: times("- &a [1, 2]\n", n),
    "aliases of one text": lambda n: "- &a x\n" + times("- *a\n", min(n, 5 * ALIASED)),
    "aliases of each other": lambda n: "a0: &a0 [x, x]\n" + numbered("b{0}: &b{0} [*a0, *a0]\n", n),
    "aliases tenfold": lambda n: (
        "a0: &a0 x\n"
        + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, n // 40))
    ),
    "merges": lambda n: "- &a {x: 1, y: 2}\n" + times("- {<<: *a}\n", min(n, 11 * ALIASED // 3)),
    "tags": lambda n: times("- !!str 1\n", n),
    "unknown tags": lambda n: "- !" + "t" * n + " 1\n",
    "directives": lambda n: times("%X y\n", n, tail="---\nx: 1\n"),
    "documents": lambda n: times("---\nx: 1\n", n),
    "escapes": lambda n: times(r"\x41", n, 'x: "', '"'),
    "single quotes": lambda n: times("''", n, "x: '", "'"),
    "wide characters": lambda n: times("ä€", n, "x: "),
}  # fmt: skip
JSON = {
    "many keys": lambda n: json.dumps({f"key {i}": 1 for i in range(n // 12)}),
    "a key again and again": lambda n: "{" + ",".join(['"a": 1'] * (n // 7)) + "}",
    "empty objects": lambda n: times("{},", n, "[", "{}]"),
    "nested too deep": lambda n: "[" * n,
    "a long number": lambda n: "9" * n,
    "a long fraction": lambda n: "0." + "3" * n,
    "escapes": lambda n: times(r"\u00e4", n, '"', '"'),
    "halves": lambda n: times(r"\ud800", n, '"', '"'),
    "spaces": lambda n: " " * n + "1",
}
CASES = [
    pytest.param(read, made, id=f"{kind}: {name}")
    for kind, read, cases in (("yaml", from_yaml, YAML), ("json", from_json, JSON))
    for name, made in cases.items()
]


def seconds(read, text):
    """Processor time of a reading, the least of three."""
    spent = []
    for _ in range(3):
        began = time.process_time()
        with contextlib.suppress(ValueError, yaml.YAMLError):
            read(text)
        spent.append(time.process_time() - began)
    return min(spent)


@pytest.mark.parametrize(("read", "made"), CASES)
def test_time_follows_size(read, made):
    small, large = made(SMALL), made(FACTOR * SMALL)
    grown = max(len(large) / len(small), 1.0)
    least = 2e-3  # below it the clock says little
    assert seconds(read, large) <= SLOWER * grown * max(seconds(read, small), least)


@pytest.mark.parametrize(("read", "made"), CASES)
def test_memory_follows_size(read, made):
    text = made(SMALL)
    tracemalloc.start()
    try:
        with contextlib.suppress(ValueError, yaml.YAMLError):
            read(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= MULTIPLE * max(len(text), 1000)
