"""Event files written byte by byte, as their formats' documents say, with nothing of the readers."""

import io
import struct

import numpy as np


def events(count=200, width=34, height=34, last=300_000, seed=0):
    """Random events in order of time, as `(t, x, y, p)`."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, last, count))
    columns = (rng.integers(0, width, count), rng.integers(0, height, count), rng.integers(0, 2, count))
    return list(zip(times.tolist(), *(column.tolist() for column in columns), strict=True))


def aedat2(some, lines=("# made by a test",), end=True):
    head = "".join(f"{line}\r\n" for line in ("#!AER-DAT2.0", *lines, *(["#End Of ASCII Header"] * end)))
    body = b"".join(struct.pack(">Ii", y << 8 | x << 1 | (1 - p), t) for t, x, y, p in some)
    return head.encode() + body


def davis2(some):
    words = (struct.pack(">Ii", y << 22 | x << 12 | p << 11, t) for t, x, y, p in some)
    return b"#!AER-DAT2.0\r\n# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n" + b"".join(words)


def packet3(some, overflow=0, kind=1, valid=1, room=None):
    room = len(some) if room is None else room
    head = struct.pack("<HHIIIIII", kind, 0, 8, 4, overflow, room, len(some), len(some))
    body = b"".join(struct.pack("<II", x << 17 | y << 2 | p << 1 | valid, t) for t, x, y, p in some)
    return head + body + bytes(8 * (room - len(some)))


def aedat3(*packets):
    return b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n" + b"".join(packets)


def _table(fields):
    """A flatbuffer's root table of inline fields `(slot, bytes)` and offsets `(slot, None, content)`."""
    slots = max(slot for slot, *_ in fields) + 1
    places, inline, place = [0] * slots, b"", 4
    later = []
    for slot, value, *content in sorted(fields, key=lambda each: -len(each[1] or b"0000")):
        size = len(value) if value is not None else 4
        pad = -place % size
        inline += bytes(pad)
        place += pad
        places[slot] = place
        if value is None:
            later.append((place, content[0]))
        inline += value if value is not None else bytes(4)
        place += size
    inline += bytes(-place % 8)
    place += -place % 8
    vtable = struct.pack(f"<HH{slots}H", 4 + 2 * slots, place, *places)
    vtable += bytes(-len(vtable) % 8)
    return vtable, bytearray(struct.pack("<i", len(vtable)) + inline), later


def _buffer(fields, identifier=b""):
    """A size-prefixed flatbuffer with one table."""
    vtable, table, later = _table(fields)
    root = 4 + len(identifier) + len(vtable)
    pad = -(root + 4) % 8  # eight-byte fields lie at multiples of eight behind the size
    root += pad
    tail = b""
    for place, content in later:
        begin = len(table) + len(tail)
        struct.pack_into("<I", table, place, begin - place)
        tail += content + bytes(-len(content) % 8)
    body = struct.pack("<I", root) + identifier + bytes(pad) + vtable + bytes(table) + tail
    return struct.pack("<I", len(body)) + body


XML = """<dv version="2.0"><node name="outInfo" path="/mainloop/Recorder/outInfo/">
<node name="0" path="/mainloop/Recorder/outInfo/0/">
<attr key="compression" type="string">NONE</attr><attr key="originalModuleName" type="string">capture</attr>
<attr key="originalOutputName" type="string">events</attr><attr key="typeDescription" type="string">events</attr>
<attr key="typeIdentifier" type="string">EVTS</attr><node name="info" path="/mainloop/Recorder/outInfo/0/info/">
<attr key="sizeX" type="int">{width}</attr><attr key="sizeY" type="int">{height}</attr><attr key="source" type="string">DVXplorer</attr>
</node></node></node></dv>"""  # noqa: E501 - as DV writes it


def aedat4(some, width=34, height=34, compression=0, pack=lambda content: content):
    xml = XML.format(width=width, height=height).encode()
    text = struct.pack("<I", len(xml)) + xml + b"\0"
    head = _buffer(
        [(0, struct.pack("<i", compression)), (1, struct.pack("<q", -1)), (2, None, text)], b"IOHE"
    )
    structs = b"".join(struct.pack("<qhh?3x", t, x, y, bool(p)) for t, x, y, p in some)
    vector = (
        bytes(4) + struct.pack("<I", len(some)) + structs
    )  # aligned: its length ends at a multiple of eight
    packed = _buffer([(0, None, vector)], b"EVTS")
    packed = pack(_shifted(packed))
    return b"#!AER-DAT4.0\r\n" + head + struct.pack("<II", 0, len(packed)) + packed


def _shifted(packed):
    """The offset to the vector leads past its four bytes of padding."""
    root = 4 + struct.unpack_from("<I", packed, 4)[0]
    vtable = root - struct.unpack_from("<i", packed, root)[0]
    place = root + struct.unpack_from("<H", packed, vtable + 4)[0]
    (offset,) = struct.unpack_from("<I", packed, place)
    return packed[:place] + struct.pack("<I", offset + 4) + packed[place + 4 :]


def dat(some, kind=12, size=8, width=34, height=34):
    head = f"% Data file containing CD events.\n% Version 2\n% Height {height}\n% Width {width}\n".encode()
    body = b"".join(struct.pack("<II", t, p << 28 | y << 14 | x) for t, x, y, p in some)
    return head + bytes((kind, size)) + body


def evt2(some, width=34, height=34):
    words, high = [], None
    for t, x, y, p in some:
        if t >> 6 != high:
            high = t >> 6
            words.append(8 << 28 | high & 0x0FFFFFFF)
        words.append(p << 28 | (t & 63) << 22 | x << 11 | y)
    head = f"% camera_integrator_name Prophesee\n% evt 2.0\n% geometry {width}x{height}\n% end\n".encode()
    return head + struct.pack(f"<{len(words)}I", *words)


def evt3_words(some):
    """Words of one event each, as a camera sends them that sees little."""
    words, high, low, row = [], None, None, None
    for t, x, y, p in some:
        if t >> 12 != high:
            high, low = t >> 12, None
            words.append(8 << 12 | high & 0xFFF)
        if t & 0xFFF != low:
            low = t & 0xFFF
            words.append(6 << 12 | low)
        if y != row:
            row = y
            words.append(y)
        words.append(2 << 12 | p << 11 | x)
    return words


def evt3(words, width=34, height=34):
    head = f"% date 2024-01-01 00:00:00\n% evt 3.0\n% format EVT3;height={height};width={width}\n% end\n"
    return head.encode() + struct.pack(f"<{len(words)}H", *words)


def nmnist(some):
    return b"".join(bytes([x, y]) + (p << 23 | t).to_bytes(3, "big") for t, x, y, p in some)


def npz(some):
    packed = io.BytesIO()
    np.savez(packed, **dict(zip("txyp", np.array(some, np.int64).T, strict=True)))
    return packed.getvalue()


WRITERS = {
    "aedat2": (aedat2, ".aedat"),
    "aedat3": (lambda some: aedat3(packet3(some[:60]), packet3(some[60:])), ".aedat"),
    "aedat4": (aedat4, ".aedat4"),
    "nmnist_bin": (nmnist, ".bin"),
    "npz": (npz, ".npz"),
    "prophesee_dat": (dat, ".dat"),
    "evt2": (evt2, ".raw"),
    "evt3": (lambda some: evt3(evt3_words(some)), ".raw"),
}
"""By format: what writes some events, and how the file ends."""
