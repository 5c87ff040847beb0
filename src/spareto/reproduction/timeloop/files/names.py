"""What a problem calls its dimensions and data spaces, and which of ours they are.

Any product of two tensors is a convolution of ours: a dimension of all three data spaces is a group (G), one
that only the results and the weights have makes outputs (M), only the results and the inputs samples (N, T)
or pixels (P, Q), only the operands is summed over (C), or a place in the kernel (R, S) where it slides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spareto.core.errors import ConfigError, Problem
from spareto.hardware.describing.problem import DIMS, Dim, TensorName
from spareto.reproduction.timeloop.files.plain import as_list, as_mapping

Rank = list[list[str]]  # terms of a sum, each a dimension and, it may be, its coefficient
_SPACES: Final[dict[str, TensorName]] = {
    "weights": "weights",
    "weight": "weights",
    "filters": "weights",
    "inputs": "inputs",
    "input": "inputs",
    "outputs": "outputs",
    "output": "outputs",
}
_LETTERS: Final[dict[frozenset[TensorName], tuple[Dim, ...]]] = {
    frozenset({"weights", "inputs", "outputs"}): ("G",),
    frozenset({"weights", "outputs"}): ("M",),
    frozenset({"inputs", "outputs"}): ("N", "T", "P", "Q"),
    frozenset({"weights", "inputs"}): ("C", "R", "S"),
}
_AXES: Final[tuple[tuple[Dim, Dim], ...]] = (("P", "R"), ("Q", "S"))


@dataclass(frozen=True)
class Names:
    """The names of one problem.

    Args:
        dims: Our dimension by theirs.
        spaces: Our tensor by the name of a data space, in small letters.
        strides: Coefficients of P and Q: a name, or a number; empty where there is none.
        dilations: Coefficients of R and S, which must be 1.
    """

    dims: Mapping[str, Dim]
    spaces: Mapping[str, TensorName] = field(default_factory=lambda: _SPACES)
    strides: Mapping[Dim, str] = field(default_factory=dict[Dim, str])
    dilations: tuple[str, ...] = ()

    @property
    def theirs(self) -> dict[Dim, str]:
        """Their dimension by ours."""
        return {ours: theirs for theirs, ours in self.dims.items()}

    def tensors(self, names: Any, where: str) -> tuple[TensorName, ...]:
        """Data spaces by our names.

        Raises:
            ConfigError: One is not among those of the problem.
        """
        given = [str(name).lower() for name in as_list(names, where)]
        if any(name not in self.spaces for name in given):
            known = ", ".join(dict.fromkeys(name.capitalize() for name in self.spaces))
            if self.spaces is _SPACES:
                known = "Weights, Inputs and Outputs"
            raise ConfigError(Problem(where, repr(names)[:60], f"data spaces {known}"))
        return tuple(dict.fromkeys(self.spaces[name] for name in given))


STANDARD: Final = Names({"K": "M", **{dim: dim for dim in DIMS}})


def names_of(shape: Mapping[str, Any], where: str) -> Names:
    """The names of a problem that says which data space has which dimension.

    Raises:
        ConfigError: It is no product of two tensors that a convolution of ours could be; the part is named.
    """
    dims = [str(dim) for dim in as_list(shape.get("dimensions"), f"{where}.dimensions")]
    listed = as_list(shape.get("data_spaces", shape.get("data-spaces")), f"{where}.data_spaces")
    entries = [as_mapping(each, f"{where}.data_spaces") for each in listed]
    spaces = _spaces(entries, f"{where}.data_spaces")
    projections: dict[TensorName, list[Rank]] = {
        tensor: list(_ranks(entry.get("projection"), f"{where}.data_spaces '{entry.get('name')}'"))
        for entry, tensor in zip(entries, spaces.values(), strict=True)
    }
    for entry, ranks in zip(entries, projections.values(), strict=True):
        for dim in (term[0] for rank in ranks for term in rank):
            if dim not in dims:
                place, rule = f"{where}.data_spaces '{entry.get('name')}'", f"dimensions {', '.join(dims)}"
                raise ConfigError(Problem(place, f"'{dim}'", rule))
    return _Letters(dims, projections, f"{where}.data_spaces").names(spaces)


def _spaces(entries: Sequence[Mapping[str, Any]], where: str) -> dict[str, TensorName]:
    """Which data space is which tensor: results are written, inputs slide, or come second."""
    names = [str(entry.get("name", "?")).lower() for entry in entries]
    if len(names) != 3 or len(set(names)) != 3:
        got = f"{len(names)} data spaces: {', '.join(names) or 'none'}"
        raise ConfigError(Problem(where, got, "three of different names: two operands and a result"))
    if all(name in _SPACES for name in names) and len({_SPACES[name] for name in names}) == 3:
        return {name: _SPACES[name] for name in names}
    written = [
        name
        for name, entry in zip(names, entries, strict=True)
        if str(entry.get("read_write", entry.get("read-write", False))).lower() == "true"
    ]
    if len(written) != 1:
        got = f"{len(written)} data spaces that are written"
        raise ConfigError(Problem(where, got, "one with 'read_write: true'"))
    operands = [name for name in names if name != written[0]]
    projections = {name: entry.get("projection") for name, entry in zip(names, entries, strict=True)}
    sliding = [name for name in operands if any(len(rank) > 1 for rank in _ranks(projections[name], where))]
    inputs = sliding[0] if sliding else operands[1]
    return {
        name: "outputs" if name == written[0] else ("inputs" if name == inputs else "weights")
        for name in names
    }


def _ranks(projection: Any, where: str) -> Iterator[Rank]:
    """`[[[N]], [[R], [P, Wstride]]]`: ranks that are sums of terms."""
    for rank in as_list(projection, where):
        terms: list[Any] = as_list(rank, where) if isinstance(rank, list) else [rank]
        if terms and all(not isinstance(term, list) for term in terms):
            terms = [terms]
        found = [[str(part) for part in as_list(term, where)] for term in terms]
        if not found or not all(1 <= len(term) <= 2 for term in found):
            rule = "terms of a dimension and, it may be, its coefficient"
            raise ConfigError(Problem(f"{where}.projection", repr(terms)[:60], rule))
        yield found


class _Letters:
    """Gives every dimension one of our letters."""

    def __init__(self, dims: list[str], projections: Mapping[TensorName, list[Rank]], where: str) -> None:
        self.dims, self.projections, self.where = dims, projections, where
        self.found: dict[str, Dim] = {}
        self.strides: dict[Dim, str] = {}
        self.dilations: list[str] = []

    def names(self, spaces: Mapping[str, TensorName]) -> Names:
        """Letters for sliding dimensions first, then for the others.

        Raises:
            ConfigError: A dimension that is in one data space alone, or that no letter is left for.
        """
        for tensor, ranks in self.projections.items():
            for rank in ranks:
                self._slide(tensor, rank)
        for dim in sorted(self.dims, key=lambda each: each not in ("K", *DIMS)):
            if dim not in self.found:
                self.found[dim] = self._letter(dim)
        return Names(self.found, spaces, self.strides, tuple(self.dilations))

    def _slide(self, tensor: TensorName, rank: Rank) -> None:
        scaled = [term for term in rank if len(term) > 1]
        if len(rank) == 1 and not scaled:
            return
        moving = [term for term in rank if "outputs" in self._holders(term[0])]
        kernel = [term for term in rank if "weights" in self._holders(term[0]) and term not in moving]
        if (
            tensor != "inputs"
            or len(moving) != 1
            or len(moving) + len(kernel) != len(rank)
            or len(kernel) > 1
        ):
            got = " + ".join(" x ".join(term) for term in rank)
            rule = "a pixel of the outputs, or with a place of the kernel, in the inputs alone"
            raise ConfigError(Problem(self.where, got, rule))
        axis = self._axis(moving[0][0], kernel[0][0] if kernel else None)
        self.found[moving[0][0]] = axis[0]
        self.strides[axis[0]] = moving[0][1] if len(moving[0]) > 1 else "1"
        if kernel:
            self.found[kernel[0][0]] = axis[1]
            self.dilations += kernel[0][1:]

    def _axis(self, moving: str, kernel: str | None) -> tuple[Dim, Dim]:
        """The axis of the same letters, or the first that is free."""
        free = [axis for axis in _AXES if not set(axis) & set(self.found.values())]
        if not free:
            raise ConfigError(Problem(self.where, f"a third sliding dimension '{moving}'", "at most two"))
        return next((axis for axis in free if axis[0] == moving or axis[1] == kernel), free[0])

    def _letter(self, dim: str) -> Dim:
        """Its own letter if that is of its kind and free, else the first that is."""
        kind = self._holders(dim)
        taken = set(self.found.values())
        pairs = {one: other for axis in _AXES for one, other in (axis, axis[::-1])}
        if kind not in _LETTERS:
            got = f"'{dim}' in {' and '.join(sorted(kind)) or 'no data space'}"
            raise ConfigError(Problem(self.where, got, "a dimension of at least two data spaces"))
        free: list[Dim] = [x for x in _LETTERS[kind] if x not in taken and pairs.get(x) not in taken]
        own = STANDARD.dims.get(dim)
        if own is not None and own in free:
            return own
        if not free:
            others = ", ".join(each for each, x in self.found.items() if x in _LETTERS[kind])
            got = f"'{dim}' beside {others}, all in {' and '.join(sorted(kind))}"
            raise ConfigError(Problem(self.where, got, f"at most {len(_LETTERS[kind])} such dimensions"))
        return free[0]

    def _holders(self, dim: str) -> frozenset[TensorName]:
        return frozenset(
            tensor
            for tensor, ranks in self.projections.items()
            if any(term[0] == dim for rank in ranks for term in rank)
        )
