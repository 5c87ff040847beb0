"""What a `cost-cases` file says of its sparse run: formats, and accesses that are gated or skipped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from spareto.core.config import Record
from spareto.core.errors import ConfigError, Problem, one_of
from spareto.formats import DensityModel
from spareto.formats.bitmask import Bitmask
from spareto.formats.cp import CoordinatePayload
from spareto.formats.rle import RunLength
from spareto.formats.uop import OffsetPairs
from spareto.hardware.describing.problem import TensorName
from spareto.reproduction.timeloop.accounting import MetadataRule, Saving, Sparsity
from spareto.reproduction.timeloop.terms import Misaligned as Misaligned

Rank = Literal["UOP", "RLE", "CP", "B", "UB"]
Kind = Literal["gate", "skip"]
Positive = Annotated[int, Field(ge=1, le=4096)]
Natural = Annotated[int, Field(ge=0, le=4096)]
_LEAVES: Final[dict[Rank, MetadataRule]] = {
    "RLE": RunLength(),
    "CP": CoordinatePayload(),
    "B": Bitmask(),
    "UB": Bitmask(),
    "UOP": OffsetPairs(),
}
_KINDS: Final[dict[str, Kind]] = {"gated": "gate", "skipped": "skip"}
_TENSORS: Final[dict[str, TensorName]] = {"weights": "weights", "inputs": "inputs", "outputs": "outputs"}


class FormatEntry(Record):
    """Tensors that a level stores compressed.

    Args:
        level: The level.
        tensors: What it compresses.
        ranks: One rank (`[RLE]`), or offsets of rows over another (`[UOP, CP]`).
        bits: Bits of a run length or coordinate; None for the level's metadata word.
        offset_bits: Bits of an offset of the upper rank; None for the level's metadata word.
    """

    level: str
    tensors: tuple[TensorName, ...]
    ranks: Annotated[tuple[Rank, ...], Field(min_length=1, max_length=2)]
    bits: Natural | None = None
    offset_bits: Positive | None = None


class SavingEntry(Record):
    """Accesses that do not happen while other tensors are zero.

    Args:
        level: Where.
        tensor: Whose accesses.
        kind: `gate` takes the cycle, `skip` does not.
        on: The tensors whose zeros decide.
    """

    level: str
    tensor: TensorName
    kind: Kind
    on: tuple[TensorName, ...]


class SparseRun(Record):
    """What the sparse run compresses and leaves out: in words, or entry by entry.

    Args:
        dram: `inputs and outputs in UOP+RLE (run length 5 bit)`; parts apart by `;`.
        weights_spad: `gated on inputs`, or `skipped on inputs`.
        note: For readers.
        formats: The same as `dram`, for any level and format.
        savings: The same as `weights_spad`, for any level and tensor.
        worth_up_to: Tensors that are denser are neither compressed nor looked at.
        gate_compute: Whether a computation without its operands still takes its cycle.
        positions: Compressed tensors whose zeros take no place in time: only their non-zeros are walked.
        misaligned: What happens to a computation of which one operand is stored and the other is not.
        model: How zeros lie.
    """

    dram: str = ""
    weights_spad: str = ""
    note: str = ""
    formats: tuple[FormatEntry, ...] = ()
    savings: tuple[SavingEntry, ...] = ()
    worth_up_to: Annotated[float, Field(ge=0, le=1)] = 0.9
    gate_compute: bool = False
    positions: tuple[TensorName, ...] = ()
    misaligned: Misaligned = "skip"
    model: DensityModel = "hypergeometric"


def sparsity(
    run: SparseRun, density: Mapping[TensorName, float], levels: Mapping[str, int], where: str
) -> Sparsity:
    """The sparse run of one layer in the terms of the accounting.

    Args:
        run: What the file says.
        density: Share of non-zeros of each tensor of the layer.
        levels: Names of the storage levels, outermost first, with the bits of a metadata word.
        where: Place of the run in the file, for the messages.

    Raises:
        ConfigError: A sentence nobody understands, a level that is not there, ranks that are not covered.
    """
    entries, savings = worthwhile(run, density, levels, where)
    stored = [(each, _key(each.level, t)) for each in entries for t in each.tensors]
    return Sparsity(
        density=density,
        formats={key: _LEAVES[each.ranks[-1]] for each, key in stored},
        widths={key: each.bits for each, key in stored if each.bits is not None},
        rows={key: each.offset_bits or levels[each.level] for each, key in stored if len(each.ranks) > 1},
        savings=tuple(Saving(each.level, each.tensor, each.kind, each.on) for each in savings),
        gate_compute=run.gate_compute,
        positions=run.positions,
        misaligned=run.misaligned,
        model=run.model,
    )


def worthwhile(
    run: SparseRun, density: Mapping[TensorName, float], levels: Mapping[str, int], where: str
) -> tuple[list[FormatEntry], list[SavingEntry]]:
    """Formats and savings entry by entry, without the tensors that are too dense for them.

    Raises:
        ConfigError: A sentence nobody understands, a level that is not there, ranks that are not covered.
    """
    worth = {tensor for tensor, share in density.items() if share <= run.worth_up_to}
    entries = [*_formats_in_words(run.dram, next(iter(levels)), f"{where}.dram"), *run.formats]
    savings = [*_savings_in_words(run.weights_spad, f"{where}.weights_spad"), *run.savings]
    problems = [*_unknown(entries, levels, where, "formats"), *_unknown(savings, levels, where, "savings")]
    problems += _uncovered(entries, where)
    ConfigError.if_any(problems)
    kept = [(each, tuple(t for t in each.tensors if t in worth)) for each in entries]
    ruled = [(each, tuple(t for t in each.on if t in worth)) for each in savings]
    return (
        [each.replace(tensors=tensors) for each, tensors in kept if tensors],
        [each.replace(on=on) for each, on in ruled if on],
    )


def _key(level: str, tensor: TensorName) -> tuple[str, TensorName]:
    return level, tensor


def _formats_in_words(text: str, level: str, where: str) -> Iterator[FormatEntry]:
    width = r"(?: \((?:run length|coordinate) (?P<bits>\d+) bits?\))?"
    pattern = rf"(?P<tensors>.+) in (?P<ranks>[A-Z]+(?:\+[A-Z]+)*){width}"
    for part in filter(None, (part.strip() for part in text.split(";"))):
        match = re.fullmatch(pattern, part)
        ranks = match["ranks"].split("+") if match else []
        if not match or set(ranks) - set(_LEAVES) or len(ranks) > 2 or match["bits"] == "0":
            rule = (
                f"'TENSORS in UOP+RLE (run length N bit)', tensors {one_of(_TENSORS)}, "
                f"at most two ranks, each {one_of(_LEAVES)}"
            )
            raise ConfigError(Problem(where, repr(part), rule))
        bits = int(match["bits"]) if match["bits"] else None
        tensors = _tensors(match["tensors"], text, where)
        yield FormatEntry(level=level, tensors=tensors, ranks=tuple(ranks), bits=bits)  # pyright: ignore[reportArgumentType]


def _savings_in_words(text: str, where: str) -> Iterator[SavingEntry]:
    if not text:
        return
    match = re.fullmatch(r"(?P<kind>gated|skipped) on (?P<tensors>.+)", text.strip())
    if not match:
        raise ConfigError(Problem(where, repr(text), "'gated on TENSORS' or 'skipped on TENSORS'"))
    on = _tensors(match["tensors"], text, where)
    yield SavingEntry(level="weights_spad", tensor="weights", kind=_KINDS[match["kind"]], on=on)


def _tensors(words: str, text: str, where: str) -> tuple[TensorName, ...]:
    names = re.split(r",\s*|\s+and\s+", words)
    if set(names) - set(_TENSORS):
        raise ConfigError(Problem(where, repr(text), f"tensors {one_of(_TENSORS)}"))
    return tuple(_TENSORS[name] for name in names)


def _unknown(
    entries: Sequence[FormatEntry | SavingEntry], levels: Mapping[str, int], where: str, kind: str
) -> Iterator[Problem]:
    for entry in entries:
        if entry.level not in levels:
            yield Problem(f"{where}.{kind}", f"the level '{entry.level}'", one_of(levels))


def _uncovered(entries: Sequence[FormatEntry], where: str) -> Iterator[Problem]:
    for entry in entries:
        if len(entry.ranks) > 1 and entry.ranks[0] != "UOP":
            got = "+".join(entry.ranks)
            yield Problem(f"{where}.formats", got, "one rank, or UOP over another")
