"""A layer, an architecture, a mapping and what is sparse written as files of Timeloop, in either style."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import yaml

from spareto.core.artifacts import write_text
from spareto.hardware.describing.problem import DIMS, RELEVANT, TENSORS, Dim
from spareto.reproduction.timeloop.cases import Case, CostCases, LevelEntry
from spareto.reproduction.timeloop.files.write_sparse import sparse_targets

Style = Literal["0.3", "0.4"]


class _Dumper(yaml.SafeDumper):
    """A safe dumper that writes tagged nodes."""


class _Component(dict[str, Any]):
    """A node that is written as `!Component`."""


def _tagged(dumper: Any, node: _Component) -> Any:
    return dumper.represent_mapping("!Component", dict(node))


_Dumper.add_representer(_Component, _tagged)


def write_files(cases: CostCases, case: Case, folder: str | Path, style: Style = "0.4") -> list[Path]:
    """Write `arch.yaml`, `ERT.yaml`, `map.yaml`, `prob.yaml`, and `sparse.yaml` if there is a sparse run.

    Args:
        cases: The architecture.
        case: The layer and its mapping.
        folder: Where to.
        style: `0.3` nests subtrees, `0.4` lists components.

    Returns:
        The files written.

    Raises:
        ConfigError: Part of the sparse run has no words in those files.
    """
    folder = Path(folder)
    documents = {
        "arch.yaml": _architecture(cases, style),
        "ERT.yaml": _energies(cases, style),
        "map.yaml": {"mapping": [*_spaces(cases), *_directives(cases, case)]},
        "prob.yaml": _problem(cases, case),
    }
    if cases.sparse_run:
        documents["sparse.yaml"] = sparse_targets(cases, case, cases.sparse_run)
    for name, data in documents.items():
        write_text(folder / name, yaml.dump(data, Dumper=_Dumper, sort_keys=False))
    return [folder / name for name in documents]


def _instances(cases: CostCases) -> dict[str, int]:
    """How many there are of each level; what nothing is said of is as many as the level inside."""
    found: dict[str, int] = {}
    known, inner = cases.architecture.instances, 1
    total = max(known.values(), default=1)
    for level in reversed(cases.architecture.levels_outermost_first):
        inner = known.get(level.name, total if level.mac_pJ is not None else inner)
        found[level.name] = inner
    outermost = cases.architecture.levels_outermost_first[0].name
    return found | {outermost: known.get(outermost, 1)}


def _attributes(level: LevelEntry) -> dict[str, Any]:
    found: dict[str, Any] = {
        "width": level.word_bits * level.words_per_access,
        "datawidth": level.word_bits,
        "block_size": level.words_per_access,
    }
    if level.depth:
        found["depth"] = int(level.depth)
    if level.metadata_read_pJ or level.metadata_write_pJ or level.metadata_word_bits > 1:
        found["metadata_word_bits"] = level.metadata_word_bits
        found["metadata_storage_width"] = level.metadata_row_bits or level.metadata_word_bits
    limits = {
        f"{port}_bandwidth": getattr(level, f"{port}_words_per_cycle") for port in ("read", "write", "shared")
    }
    return found | {key: limit for key, limit in limits.items() if limit}


def _kind(level: LevelEntry, place: int) -> str:
    if level.mac_pJ is not None:
        return "intmac"
    return "dummy_storage" if not level.keeps else ("DRAM" if place == 0 else "SRAM")


def _architecture(cases: CostCases, style: Style) -> dict[str, Any]:
    levels, instances = cases.architecture.levels_outermost_first, _instances(cases)
    parts: list[dict[str, Any]] = []
    for place, level in enumerate(levels):
        count = instances[level.name]
        name = f"{level.name}[0..{count - 1}]" if count > 1 else level.name
        attributes = _attributes(level) if level.keeps else {"datawidth": level.word_bits}
        parts.append({"name": name, "class": _kind(level, place), "attributes": attributes})
    if style == "0.4":
        return {"architecture": {"version": "0.4", "nodes": [_Component(part) for part in parts]}}
    tree = {"name": "system", "local": parts}
    return {"architecture": {"version": "0.3", "subtree": [tree]}}


def _energies(cases: CostCases, style: Style) -> dict[str, Any]:
    tables: list[dict[str, Any]] = []
    for level in cases.architecture.levels_outermost_first:
        if level.mac_pJ is not None:
            actions = {"compute": level.mac_pJ, "gated_compute": level.gated_mac_pJ}
        elif level.keeps:
            actions = {
                "read": level.read_pJ,
                "write": level.write_pJ,
                "update": level.write_pJ if level.update_pJ is None else level.update_pJ,
                "gated_read": level.gated_read_pJ,
                "gated_write": level.gated_write_pJ,
                "gated_update": level.gated_write_pJ,
                "metadata_read": level.metadata_read_pJ,
                "metadata_write": level.metadata_write_pJ,
                "metadata_update": level.metadata_write_pJ,
                "decompression_count": level.decompression_pJ,
                "compression_count": level.compression_pJ,
                "leak": level.leak_pJ,
            }
            actions = {name: pj for name, pj in actions.items() if pj or name in ("read", "write", "update")}
        else:
            continue
        listed: list[dict[str, Any]] = [
            {"name": name, "arguments": {}, "energy": pj} for name, pj in actions.items()
        ]
        tables.append({"name": f"system.{level.name}[1..1]", "actions": listed})
    return {"ERT": {"version": style, "tables": tables}}


def _spaces(cases: CostCases) -> Iterator[dict[str, Any]]:
    for level in cases.architecture.levels_outermost_first:
        if level.mac_pJ is None:
            keep = [tensor.capitalize() for tensor in level.keeps]
            passed = [tensor.capitalize() for tensor in TENSORS if tensor not in level.keeps]
            yield {"target": level.name, "type": "datatype", "keep": keep, "bypass": passed}


def _directives(cases: CostCases, case: Case) -> Iterator[dict[str, Any]]:
    used = _dims(case)
    for level in cases.architecture.levels_outermost_first:
        for kind in ("temporal", "spatial"):
            own = [
                loop for loop in case.loops_outermost_first if (loop.level, loop.kind) == (level.name, kind)
            ]
            if level.mac_pJ is not None or (kind == "spatial" and not own):
                continue
            bounds = {loop.dim: loop.bound for loop in own}
            inside_out = [loop.dim for loop in reversed(own)]
            order = [*inside_out, *(dim for dim in used if dim not in bounds)]
            yield {
                "target": level.name,
                "type": kind,
                "factors": " ".join(f"{dim}={bounds.get(dim, 1)}" for dim in order),
                "permutation": "".join(order),
            }


def _dims(case: Case) -> list[Dim]:
    return [dim for dim in DIMS if dim in case.dims]


def _problem(cases: CostCases, case: Case) -> dict[str, Any]:
    used = _dims(case)
    strides = {"P": "Wstride", "Q": "Hstride"}
    windows = {"R": "P", "S": "Q"}

    def projection(tensor: Any) -> list[list[list[str]]]:
        terms: list[list[list[str]]] = []
        for dim in used:
            if dim not in RELEVANT[tensor] or (
                tensor == "inputs" and dim in windows and windows[dim] in used
            ):
                continue
            own = [dim, strides[dim]] if tensor == "inputs" and dim in strides else [dim]
            kernel = next((k for k, p in windows.items() if p == dim and k in used), None)
            terms.append([own, [kernel]] if tensor == "inputs" and kernel else [own])
        return terms

    spaces = [
        {"name": tensor.capitalize(), "projection": projection(tensor)}
        | ({"read_write": True} if tensor == "outputs" else {})
        for tensor in TENSORS
    ]
    shape = {
        "name": "convolution",
        "dimensions": used,
        "coefficients": [{"name": name, "default": 1} for name in strides.values()],
        "data_spaces": spaces,
    }
    sizes = {dim: case.dims[dim] for dim in used}
    instance: dict[str, Any] = {**sizes, "Wstride": case.stride[0], "Hstride": case.stride[1]}
    model = "fixed-structured" if cases.sparse_run and cases.sparse_run.model == "fixed" else "hypergeometric"
    if sparse := {tensor: share for tensor, share in case.density.items() if share < 1}:
        instance["densities"] = {
            tensor.capitalize(): {"distribution": model, "density": share} for tensor, share in sparse.items()
        }
    return {"problem": {"version": "0.4", "shape": shape, "instance": instance}}
