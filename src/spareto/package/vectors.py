"""Test vectors: what goes in, what every node gives, what comes out."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from spareto.core.archives import inflated_size
from spareto.integer import IntegerNetwork, Reference
from spareto.integer.network import Ints
from spareto.integer.reference import votes


@dataclass(frozen=True, eq=False)
class Vectors:
    """Some recordings and what the reference makes of them.

    Args:
        frames: uint8, shape (time, recordings, channels, height, width).
        outputs: Of every node, (time, recordings, channels, height, width).
        votes: Of each class, shape (recordings, classes).
    """

    frames: Ints
    outputs: tuple[Ints, ...]
    votes: Ints


def vectors_of(network: IntegerNetwork, frames: Ints) -> Vectors:
    """Test vectors by the numpy reference, for frames (time, recordings, channels, height, width)."""
    outputs = Reference(network).run(frames)
    return Vectors(frames.astype(np.uint8), tuple(outputs), votes(network, outputs[-1]))


def packed(test: Vectors) -> tuple[dict[str, Any], bytes]:
    """What the manifest says of vectors, and their bytes."""
    spikes = [bool(output.max(initial=0) <= 1) for output in test.outputs]
    parts = [test.frames.tobytes()]
    for output, bits in zip(test.outputs, spikes, strict=True):
        parts.append(np.packbits(output != 0).tobytes() if bits else output.astype("<i4").tobytes())
    parts.append(test.votes.astype("<i8").tobytes())
    content = zlib.compress(b"".join(parts), 9)
    time, count = test.frames.shape[:2]
    return {"timesteps": time, "recordings": count, "spikes": spikes}, content


def unpacked(said: Any, content: bytes, network: IntegerNetwork) -> Vectors:
    """Vectors of a package.

    Raises:
        ValueError: They are not of this network, or larger than their description.
    """
    time, count, spikes = said["timesteps"], said["recordings"], said["spikes"]
    plain = all(type(n) is int and 1 <= n <= 1 << 16 for n in (time, count)) and isinstance(spikes, list)
    if not plain or len(spikes) != len(network.nodes) or not all(type(bit) is bool for bit in spikes):
        raise ValueError("vectors of another network")
    shapes = [(time, count, *shape) for shape in (network.sensor, *network.shapes())]
    elements = [int(np.prod([int(side) for side in shape], dtype=object)) for shape in shapes]
    sizes = [elements[0]]
    for number, bits in zip(elements[1:], spikes, strict=True):
        sizes.append(-(-number // 8) if bits else 4 * number)
    sizes.append(8 * count * network.classes)
    total = sum(sizes)
    if total > 1032 * len(content) + 64 or inflated_size(content, total) != total:  # zlib packs no tighter
        raise ValueError(f"vectors of another size than {total:,} bytes")
    inflated = zlib.decompress(content)
    ends = np.cumsum([0, *sizes]).tolist()
    pieces = [inflated[a:b] for a, b in pairwise(ends)]
    frames = np.frombuffer(pieces[0], np.uint8).reshape(shapes[0])
    if frames.max(initial=0) > network.input_most:
        raise ValueError("vectors with frames beyond the network's")
    outputs: list[Ints] = []
    for piece, bits, shape, number in zip(pieces[1:-1], spikes, shapes[1:], elements[1:], strict=True):
        flat = (
            np.unpackbits(np.frombuffer(piece, np.uint8), count=number)
            if bits
            else np.frombuffer(piece, "<i4")
        )
        outputs.append(flat.astype(np.int32).reshape(shape))
    counted = np.frombuffer(pieces[-1], "<i8").reshape(count, network.classes)
    return Vectors(frames, tuple(outputs), counted.astype(np.int64))
