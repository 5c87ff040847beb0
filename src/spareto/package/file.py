"""The file: a header, a manifest, constants, the weights as one stream of bits, test vectors.

    0   magic                     8 bytes
    8   version                   32 bits, little-endian like all numbers
    12  zero                      32 bits
    16  bytes of the manifest     64 bits
    24  bytes of the constants    64 bits
    32  BITS of the weights       64 bits
    40  bytes of the vectors      64 bits
    48  SHA-256 of all but itself 32 bytes
    80  manifest, constants, weights (rounded up to a byte), vectors

Weights and biases are what the hardware model counts as stored; everything else before the vectors is the
header.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from spareto.core.artifacts import PACKAGE_MAGIC, canonical_json, folder_there, replacing, there
from spareto.core.errors import InputError, Problem, StoreError
from spareto.core.strict import from_json
from spareto.integer import IntegerNetwork
from spareto.package import nodes, vectors, weights
from spareto.package.constants import Reader, Writer
from spareto.package.vectors import Vectors

VERSION: Final = 1
_HEAD: Final = struct.Struct("<8sIIQQQQ32s")
LARGEST: Final = 1 << 32
"""Bytes of a package."""

LARGEST_MANIFEST: Final = 16 << 20


@dataclass(frozen=True, eq=False)
class Package:
    """A network as it is stored.

    Args:
        network: The network.
        formats: Storage format of each of its weights, in their order.
        header_bytes: Bytes of everything before the vectors but weights and biases.
        weight_bits: Bits of the weights, as the hardware model counts them.
        bias_bytes: Bytes of the biases, batch norms' included.
        vectors: Test vectors, if it carries some.
    """

    network: IntegerNetwork
    formats: tuple[str, ...]
    header_bytes: int
    weight_bits: int
    bias_bytes: int
    vectors: Vectors | None = None

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights in the file."""
        return -(-self.weight_bits // 8)

    @property
    def stored_bytes(self) -> int:
        """Bytes of weights and biases: what the hardware model reports, rounded up to a byte."""
        return self.weight_bytes + self.bias_bytes


def write_package(
    path: Path, network: IntegerNetwork, weight_format: str = "best", test: Vectors | None = None
) -> Package:
    """Write a network, atomically.

    Args:
        path: The file.
        network: The network.
        weight_format: Storage format of the weights, a name of `spareto.formats.registry`; `best` takes the
            smallest for each layer. A format that has no code for a pruned weight is not taken.
        test: Test vectors to carry.

    Raises:
        UnknownName: No such format.
        StoreError: It cannot be written.
    """
    stored = weights.encode(network.synapses, weight_format)
    constants = Writer()
    manifest: dict[str, Any] = nodes.described(network, stored, constants)
    packed_vectors = b""
    if test is not None:
        manifest["vectors"], packed_vectors = vectors.packed(test)
    text = canonical_json(manifest).encode()
    parts = text, constants.content(), stored.content, packed_vectors
    head = (PACKAGE_MAGIC, VERSION, 0, len(text), len(parts[1]), stored.bits, len(packed_vectors))
    content = b"".join((_HEAD.pack(*head, _digest(head, *parts)), *parts))
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    names = tuple(part.format for part in stored.parts)
    header = _HEAD.size + len(text) + len(parts[1]) - constants.bias_bytes
    return Package(network, names, header, stored.bits, constants.bias_bytes, test)


def read_package(path: str | Path) -> Package:
    """Read a package; what comes back is what was written, or an error.

    At most 512 weights a byte of the file are taken, so a small file never asks for much memory.

    Raises:
        StoreError: The file is missing, damaged, no package, or of a newer version.
    """
    path = Path(path)
    return parse(_content(path), str(path))


def parse(content: bytes, name: str = "package") -> Package:
    """The package in some bytes; see `read_package`.

    Raises:
        StoreError: They are none.
    """
    try:
        return _parsed(content, name)
    except StoreError:
        raise
    except InputError as error:
        told = "; ".join(str(problem) for problem in error.problems[:3])
        raise _damaged(name, f"a network that cannot be run ({told[:400]})") from None
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        OverflowError,
        UnicodeError,
        RecursionError,
    ) as error:
        raise _damaged(name, " ".join(str(error).split())[:200] or type(error).__name__) from None
    except MemoryError:
        raise _damaged(name, "more than there is memory for") from None


def _parsed(content: bytes, name: str) -> Package:
    if len(content) < _HEAD.size or content[:8] != PACKAGE_MAGIC:
        raise _damaged(name, "a file that is no package", "Check the path.")
    magic, version, zero, text_size, constants_size, bits, vectors_size, digest = _HEAD.unpack_from(content)
    if version != VERSION:
        rule, cure = f"version {VERSION}", "Update spareto." if version > VERSION else "Lower it again."
        raise StoreError(Problem(name, f"package version {version}", rule, cure))
    sizes = (text_size, constants_size, -(-bits // 8), vectors_size)
    if zero or text_size > LARGEST_MANIFEST or _HEAD.size + sum(sizes) != len(content):
        got = f"{len(content):,} bytes where its header says {_HEAD.size + sum(sizes):,}"
        raise _damaged(name, got)
    ends = [_HEAD.size]
    for size in sizes:
        ends.append(ends[-1] + size)
    parts = [content[a:b] for a, b in pairwise(ends)]
    head = (magic, version, zero, text_size, constants_size, bits, vectors_size)
    if _digest(head, *parts) != digest:
        raise _damaged(name, "a file that is not as it was written (its checksum differs)")
    manifest: Any = from_json(parts[0].decode())
    constants = Reader(parts[1])
    stream = weights.Stream(parts[2], bits, len(content))
    network, formats = nodes.built(manifest, constants, stream)
    constants.end()
    stream.end()
    carried = manifest.get("vectors")
    test = None if carried is None else vectors.unpacked(carried, parts[3], network)
    if carried is None and parts[3]:
        raise ValueError("vectors that the manifest does not know")
    return Package(network, formats, ends[2] - constants.bias_bytes, bits, constants.bias_bytes, test)


def _digest(head: tuple[Any, ...], *parts: bytes) -> bytes:
    found = hashlib.sha256(_HEAD.pack(*head, bytes(32)))
    for part in parts:
        found.update(part)
    return found.digest()


def _content(path: Path) -> bytes:
    if folder_there(path):
        inside = sorted(path.glob("*.spareto"))
        cure = f"Name its package: {inside[0]}" if inside else "Write one: spareto lower."
        raise StoreError(Problem(str(path), "a folder", "a package", cure))
    if not there(path):
        raise StoreError(Problem(str(path), "no such file", "a package", "Check the path."))
    try:
        if path.stat().st_size > LARGEST:
            raise _damaged(str(path), f"a file of {path.stat().st_size:,} bytes")
        return path.read_bytes()
    except OSError as error:
        got = (error.strerror or str(error)).lower()
        raise StoreError(Problem(str(path), got, "a file to read", "Check its rights.")) from None


def _damaged(name: str, got: str, cure: str = "Lower the network again.") -> StoreError:
    return StoreError(Problem(name, got, "a package of spareto", cure))
