"""Networks and checkpoints as they lie on disk: read once, from one file, and checked first."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from spareto.core.artifacts import PACKAGE_MAGIC, canonical_json, replacing, there
from spareto.core.errors import Problem, StoreError

FORMAT: Final = 2
"""Format 2 knows packed weights; files of format 1 are read."""
KEY: Final = "spareto"
CHECKSUM: Final = "checksum"
LARGEST_HEADER: Final = 32 << 20
"""Bytes of a header; hundreds of thousands of tensors fit in it."""

_DAMAGE: Final = (
    SafetensorError,
    ValueError,
    TypeError,
    KeyError,
    RuntimeError,
    RecursionError,
    OverflowError,
)
_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    **dict.fromkeys(("checkpoint_format", "epoch", "seed", "averaged", "best_epoch", "classes"), int),
    **dict.fromkeys(("key", "data_hash", "factory", CHECKSUM), str),
    **dict.fromkeys(("plan", "versions", "network", "recipe", "parts", "frames"), dict),
    "finished": bool,
    "best_accuracy": (int, float),
    **dict.fromkeys(("sensor", "curve"), list),
}
_log = logging.getLogger("spareto")


@dataclass(frozen=True)
class Kind:
    """What files of one kind are called in an error, and how one gets another.

    Args:
        name: With its article.
        cure: A sentence.
    """

    name: str
    cure: str


CHECKPOINT: Final = Kind("a checkpoint", "Delete the file; training then starts afresh.")
NETWORK: Final = Kind("a stored network", "Store it again: carry its study on, or compress it once more.")


@dataclass(frozen=True)
class StoredFile:
    """What one file holds.

    Args:
        path: Where it was read.
        manifest: Facts of the run or network; their types are checked.
        tensors: By name.
        kind: What it was read as.
    """

    path: Path
    manifest: dict[str, Any]
    tensors: dict[str, Tensor]
    kind: Kind = CHECKPOINT

    def fact(self, name: str) -> Any:
        """A fact that must be there.

        Raises:
            StoreError: It is not.
        """
        return fact(self.manifest, name, self.path, self.kind)


def fact(manifest: Mapping[str, Any], name: str, path: str | Path, kind: Kind = NETWORK) -> Any:
    """A fact of a manifest that must be there.

    Raises:
        StoreError: It is not.
    """
    if name not in manifest:
        raise _damaged(path, f"a manifest without '{name}'", kind)
    return manifest[name]


def write(path: Path, tensors: Mapping[str, Tensor], manifest: Mapping[str, Any]) -> None:
    """Write tensors and manifest, with the checksum of both, atomically."""
    facts = {"checkpoint_format": FORMAT, **manifest}
    facts[CHECKSUM] = checksum(tensors, facts)
    # one key: the library writes several in any order, and the same network would give other bytes
    write_tensors(path, tensors, {KEY: canonical_json(facts)})


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file atomically, with the rights that other files of ours have.

    The library only makes the bytes: files that it writes itself, killed processes would leave under its
    names, and what the system says of them comes in its words.
    """
    content = save(dict(tensors), metadata=metadata)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def read(path: str | Path, kind: Kind = CHECKPOINT) -> StoredFile:
    """Manifest and tensors of one file, each as it was written.

    Raises:
        StoreError: The file is missing, damaged, none of ours, or written by a newer version.
    """
    path = Path(path)
    content = _content(path, kind)
    manifest = _manifest(content, path, kind)
    try:
        tensors = load(content)
    except _DAMAGE as error:
        raise _damaged(path, f"an unreadable file ({_reason(str(error))})", kind) from None
    _verify(tensors, manifest, path, kind)
    manifest.pop(CHECKSUM, None)
    return StoredFile(path, manifest, tensors, kind)


def read_manifest(path: str | Path, kind: Kind = CHECKPOINT) -> dict[str, Any]:
    """The manifest alone; only `read` can tell whether the file is as it was written.

    Raises:
        StoreError: The file is missing, damaged, none of ours, or written by a newer version.
    """
    path = Path(path)
    found = _manifest(_content(path, kind, 8 + LARGEST_HEADER), path, kind)
    found.pop(CHECKSUM, None)
    return found


def checksum(tensors: Mapping[str, Tensor], manifest: Mapping[str, Any]) -> str:
    """SHA-256 of names, types, shapes and bytes of the tensors, and of the manifest without its checksum."""
    facts = {name: value for name, value in manifest.items() if name != CHECKSUM}
    digest = hashlib.sha256(canonical_json(facts).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _content(path: Path, kind: Kind, most: int = -1) -> bytes:
    if not there(path):
        raise StoreError(Problem(str(path), "no such file", kind.name, "Check the path."))
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise StoreError(
            Problem(str(path), (error.strerror or str(error)).lower(), "a file to read", "Check its rights.")
        ) from None


def _manifest(content: bytes, path: Path, kind: Kind) -> dict[str, Any]:
    """The manifest in a file's header, its types checked: the one place where that is done."""
    if content.startswith(PACKAGE_MAGIC):
        cure = "Run it: spareto run. Give this command the network that it was lowered from."
        raise StoreError(Problem(str(path), "a package of integers", kind.name, cure))
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(len(content) - 8, LARGEST_HEADER):
        raise _damaged(path, "an unreadable file (it ends inside its header)", kind)
    try:
        header = json.loads(content[8 : 8 + size])
        manifest: Any = json.loads(header["__metadata__"][KEY])
        written_as = manifest["checkpoint_format"]
        canonical_json(manifest).encode()
    except _DAMAGE as error:
        raise _damaged(path, f"an unreadable file ({type(error).__name__} in its header)", kind) from None
    if isinstance(written_as, int) and written_as > FORMAT:
        got = f"{kind.name} of format {written_as}"
        raise StoreError(Problem(str(path), got, f"format {FORMAT} or older", "Update spareto."))
    return _typed(manifest, path, kind)


def _typed(manifest: Any, path: Path, kind: Kind) -> dict[str, Any]:
    facts = cast(dict[str, Any], manifest)
    for name, allowed in _TYPES.items():
        value = facts.get(name)
        wrong = not isinstance(value, allowed) or (isinstance(value, bool) and allowed is not bool)
        if name in facts and (wrong or (isinstance(value, (int, float)) and not -1 << 63 <= value < 1 << 63)):
            raise _damaged(
                path, f"a manifest whose '{name}' is a {type(value).__name__}, {str(value)[:40]!r}", kind
            )
    sensor = facts.get("sensor", [1, 1, 1])
    sides = [side for side in sensor if type(side) is int and 0 < side <= 1 << 16]
    if len(sides) != 3 or len(sensor) != 3 or not 0 < facts.get("classes", 1) <= 1 << 20:
        raise _damaged(
            path, f"a manifest with sensor {str(sensor)[:40]} and {facts.get('classes', 1)} classes", kind
        )
    if facts.get("epoch", 0) < 0:
        raise _damaged(path, f"a manifest of epoch {facts['epoch']}", kind)
    return facts


def _verify(tensors: Mapping[str, Tensor], manifest: Mapping[str, Any], path: Path, kind: Kind) -> None:
    if CHECKSUM not in manifest:
        _log.info(
            "spareto: %s has no checksum: an older version wrote it, and damage would not be seen.", path
        )
    elif checksum(tensors, manifest) != manifest[CHECKSUM]:
        raise _damaged(path, "a file that is not as it was written (its checksum differs)", kind)


def _damaged(path: str | Path, got: str, kind: Kind) -> StoreError:
    return StoreError(Problem(str(path), got, kind.name, kind.cure))


def _reason(text: str) -> str:
    return " ".join(text.split())[:120]
