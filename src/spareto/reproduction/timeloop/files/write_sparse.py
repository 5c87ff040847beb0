"""What is sparse, written as the sparse optimizations of Sparseloop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from spareto.core.errors import ConfigError, Problem
from spareto.reproduction.timeloop.cases import Case, CostCases
from spareto.reproduction.timeloop.sparse_runs import FormatEntry, SavingEntry, SparseRun, worthwhile

_TYPES: Final = {"gate": "gating", "skip": "skipping"}


def sparse_targets(cases: CostCases, case: Case, run: SparseRun) -> dict[str, Any]:
    """Formats and actions by level, and what the compute units do.

    Raises:
        ConfigError: The run gates computations that a storage level rules out, which the files cannot say.
    """
    if run.gate_compute:
        rule = "computations that go with the accesses of their operands"
        raise ConfigError(Problem("sparse_run.gate_compute", "true", rule, "Say `misaligned: gate`."))
    levels = {level.name: level.metadata_word_bits for level in cases.architecture.stores}
    entries, savings = worthwhile(run, case.density, levels, "sparse_run")
    targets: list[dict[str, Any]] = []
    for name, word in levels.items():
        spaces = [
            _space(each, tensor, word) for each in entries if each.level == name for tensor in each.tensors
        ]
        actions = [_action(each) for each in savings if each.level == name]
        stored = [tensor for each in entries if each.level == name for tensor in each.tensors]
        actions += _positions(run, name, cases, stored)
        target: dict[str, Any] = {"name": name}
        if spaces:
            target["representation-format"] = {"data-spaces": spaces}
        if actions:
            target["action-optimization"] = actions
        if len(target) > 1:
            targets.append(target)
    compute = cases.architecture.compute
    if compute and run.misaligned in _TYPES:
        kinds = [{"type": _TYPES[run.misaligned]}]
        targets.append({"name": compute.name, "compute-optimization": kinds})
    return {"sparse_optimizations": {"targets": targets}}


def _space(entry: FormatEntry, tensor: str, word: int) -> dict[str, Any]:
    leaf: dict[str, Any] = {"format": entry.ranks[-1]}
    if leaf["format"] == "UB" and entry.bits is not None:
        leaf["format"] = "B"  # the same rule with bits of its own
    if leaf["format"] in ("RLE", "CP", "B"):
        leaf["metadata-word-bits"] = word if entry.bits is None else entry.bits
    upper = {"format": "UOP", "payload-word-bits": entry.offset_bits or word}
    ranks = [upper, leaf] if len(entry.ranks) > 1 else [leaf]
    return {"name": tensor.capitalize(), "ranks": ranks}


def _action(entry: SavingEntry) -> dict[str, Any]:
    option = {"target": entry.tensor.capitalize(), "condition-on": [t.capitalize() for t in entry.on]}
    return {"type": _TYPES[entry.kind], "options": [option]}


def _positions(run: SparseRun, level: str, cases: CostCases, stored: list[Any]) -> Iterator[dict[str, Any]]:
    """By position, told at the innermost level that keeps the tensor."""
    for tensor in run.positions:
        holders = [each.name for each in cases.architecture.stores if tensor in each.keeps]
        if level == holders[-1] and tensor in stored:
            option: dict[str, Any] = {"target": tensor.capitalize(), "condition-on": []}
            yield {"type": "position-skipping", "options": [option]}
