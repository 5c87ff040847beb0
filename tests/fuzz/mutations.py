"""What a disk, a careless editor and an attacker do to a file."""

import io
import random
import re
import struct
from collections.abc import Callable

import numpy as np

NUMBERS = (
    b"-1",
    b"0",
    b"1e400",
    b"1e308",
    b"9" * 30,
    b"-9223372036854775809",
    b"4294967296",
    b"0.5",
    b".nan",
    b"NaN",
)
TOKENS = (
    *NUMBERS,
    *(
        b'""',
        b"null",
        b"true",
        b"[]",
        b"{}",
        b"[[[[1]]]]",
        b'"\\u0000"',
        b'"\\ud800"',
        b'"x"',
        b"&a [*a]",
        b"*a",
    ),
    *(
        b"2020-01-01",
        b"!!binary aGk=",
        b"!!python/name:os.system",
        b'"' + b"A" * 400 + b'"',
        b"<<: {a: 1}",
        b"? [1]",
    ),
    *(b"[" * 150, b"{a: " * 150, b'{"a":' * 150, b"\xff\xfe", b"\x00", b"\x1b[2J", "\u202e".encode()),
)
NUMBER = re.compile(rb"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])")
OTHER_NUMBERS = (
    *(b"0", b"1", b"-1", b"2", b"3", b"7", b"255", b"0.5", b"1e15", b"1e-15", b"1e30", b"1e100", b"5e-324"),
    *(b"1000000000", b"4294967296", b"281474976710656", b"9223372036854775807"),
)
WORD = re.compile(rb"[A-Za-z_]\w*|-?\d+(?:\.\d+)?|\[[^][]*\]|\{[^{}]*\}")
OTHER_VALUES = (b"[]", b"{}", b"null", b"true", b"''", b"name", b"bits", b"0", b"-1", b"[1, 2]", b"{a: 1}")
SCALAR = re.compile(rb'"[^"\n]*"|[-+\w.]+')


def text(content: bytes, pick: random.Random) -> bytes:
    """A mutation of a text of keys and values."""
    for _ in range(pick.choice((1, 1, 1, 2, 5))):
        content = pick.choice((_value, _value, _value, _lines, _cut, _flip, _insert))(content, pick)
    return content


def binary(content: bytes, pick: random.Random) -> bytes:
    """A mutation of bytes."""
    for _ in range(pick.choice((1, 1, 1, 2, 5))):
        content = pick.choice((_flip, _flip, _cut, _insert, _integer, _fill, _swap))(content, pick)
    return content


def numbers(content: bytes, pick: random.Random) -> bytes:
    """A mutation of some numbers of a text, so that what stands around them is still read."""
    found = [match.span() for match in NUMBER.finditer(content)]
    for begin, end in sorted(pick.sample(found, min(len(found), pick.choice((1, 1, 1, 2, 5)))), reverse=True):
        content = content[:begin] + pick.choice(OTHER_NUMBERS) + content[end:]
    return content


def anything(content: bytes, pick: random.Random) -> bytes:
    """A mutation of a text that leaves it readable more often than not."""
    return pick.choice((numbers, words, words, text))(content, pick)


def words(content: bytes, pick: random.Random) -> bytes:
    """A value or key in the place of another."""
    found = [match.span() for match in WORD.finditer(content)]
    for begin, end in sorted(pick.sample(found, min(len(found), pick.choice((1, 1, 2)))), reverse=True):
        other = content[slice(*pick.choice(found))] if pick.random() < 0.6 else pick.choice(OTHER_VALUES)
        content = content[:begin] + other + content[end:]
    return content


def arrays(content: bytes, pick: random.Random) -> bytes:
    """A mutation of what the arrays of an archive hold, their types included; sometimes of its bytes."""
    if pick.random() < 0.3:
        return binary(content, pick)
    with np.load(io.BytesIO(content)) as archive:
        found = {name: archive[name] for name in archive.files}
    for _ in range(pick.choice((1, 1, 2, 4))):
        name = pick.choice(sorted(found))
        with np.errstate(all="ignore"):
            found[name] = _changed(found[name], pick)
    packed = io.BytesIO()
    np.savez(packed, **found)
    return packed.getvalue()


def _changed(array, pick):
    kind = pick.randrange(5)
    if kind == 0:
        return array.astype(
            pick.choice(("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "?", "c8"))
        )
    if kind == 1:
        return array[: pick.randrange(len(array) + 1)] if array.ndim else array.reshape(1)
    if kind == 2:
        return array.reshape(pick.choice(((-1, 1), (1, -1), (1, 1, -1))))
    if not array.size or array.dtype.kind not in "iuf":
        return array
    changed = array.copy()
    limits = np.iinfo(changed.dtype) if changed.dtype.kind in "iu" else np.finfo(changed.dtype)
    values = (limits.min, limits.max, 0, 1, limits.max // 2, limits.max if limits.bits <= 32 else 2**31)
    if changed.dtype.kind == "f":
        values += (np.nan, np.inf, -np.inf, 0.5, 1e-300)
    place = pick.randrange(changed.size) if kind == 3 else slice(None)
    changed.reshape(-1)[place] = pick.choice(values)
    return changed


def within(find: Callable[[bytes], tuple[int, int]], change: Callable[[bytes, random.Random], bytes]):
    """A mutation of the part of a content that `find` gives the borders of."""

    def mutate(content: bytes, pick: random.Random) -> bytes:
        begin, end = find(content)
        return content[:begin] + change(content[begin:end], pick) + content[end:]

    return mutate


def _value(content, pick):
    found = [match.span() for match in SCALAR.finditer(content)]
    if not found:
        return content + pick.choice(TOKENS)
    begin, end = pick.choice(found)
    if pick.random() < 0.2:
        other = pick.choice(found)
        return content[:begin] + content[slice(*other)] + content[end:]
    return content[:begin] + pick.choice(TOKENS) + content[end:]


def _lines(content, pick):
    lines = content.split(b"\n")
    place = pick.randrange(len(lines))
    kind = pick.randrange(3)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(pick.randrange(len(lines) + 1), lines[place])
    else:
        lines[place] = b" " * pick.randrange(5) + lines[place]
    return b"\n".join(lines)


def _flip(content, pick):
    if not content:
        return content
    changed = bytearray(content)
    for _ in range(pick.choice((1, 1, 3, 20))):
        changed[pick.randrange(len(changed))] ^= 1 << pick.randrange(8)
    return bytes(changed)


def _cut(content, pick):
    begin, end = sorted(pick.randrange(len(content) + 1) for _ in range(2))
    return pick.choice((content[:begin], content[begin:], content[:begin] + content[end:], b""))


def _insert(content, pick):
    place = pick.randrange(len(content) + 1)
    put = pick.choice((pick.choice(TOKENS), pick.randbytes(pick.randrange(1, 40)), content[:place][-60:]))
    return content[:place] + put + content[place:]


def _integer(content, pick):
    size, value = pick.choice(((2, "<H"), (4, "<I"), (4, ">I"), (8, "<Q"), (8, ">Q")))
    if len(content) < size:
        return content
    place = pick.randrange(len(content) - size + 1) if pick.random() < 0.7 else min(64, len(content) - size)
    most = (1 << 8 * size) - 1
    number = pick.choice((0, 1, most, most // 2, most // 2 + 1, len(content), len(content) + 1))
    return content[:place] + struct.pack(value, number & most) + content[place + size :]


def _fill(content, pick):
    begin, end = sorted(pick.randrange(len(content) + 1) for _ in range(2))
    return content[:begin] + pick.choice((b"\x00", b"\xff", b"A")) * min(end - begin, 4000) + content[end:]


def _swap(content, pick):
    places = sorted(pick.randrange(len(content) + 1) for _ in range(3))
    a, b, c = (content[i:j] for i, j in zip((0, *places[:2]), places, strict=True))
    return a + c + b + content[places[2] :]
