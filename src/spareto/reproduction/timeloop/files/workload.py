"""Problems: sizes, strides and densities of a convolution, whatever its dimensions are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spareto.core.errors import ConfigError, Problem
from spareto.formats import DensityModel
from spareto.hardware.describing.problem import Dim, LoopProblem, TensorName
from spareto.reproduction.timeloop.files.names import STANDARD, Names, names_of
from spareto.reproduction.timeloop.files.plain import as_list, as_mapping, load, number, section

_SIZES_ONLY: Final = ("H", "W", "Hpad", "Wpad")  # of the input: they follow from the others
_STRIDES: Final[dict[Dim, tuple[str, ...]]] = {
    "P": ("Wstride", "P_stride", "strideP"),
    "Q": ("Hstride", "Q_stride", "strideQ"),
}
_MODELS: Final[dict[str, DensityModel]] = {
    "fixed-structured": "fixed",
    "fixed_structured": "fixed",
    "fixed": "fixed",
    "hypergeometric": "hypergeometric",
}


@dataclass(frozen=True)
class ProblemFile:
    """A problem, and what its file calls things.

    Args:
        problem: Sizes and strides.
        names: Its dimensions and data spaces.
        density: Share of non-zeros of each tensor; 1 where left out.
        model: How zeros lie.
    """

    problem: LoopProblem
    names: Names = STANDARD
    density: Mapping[TensorName, float] = field(default_factory=dict[TensorName, float])
    model: DensityModel = "fixed"


def read_problem(path: str | Path) -> ProblemFile:
    """Read a problem.

    Raises:
        ConfigError: It cannot be read, or is no convolution as our model has them: another projection,
            dilation, zeros that lie in bands; each is named.
    """
    where = f"{path}: problem"
    data = as_mapping(section(load(path), "problem", str(path)), where)
    sizes = {key: value for key, value in data.items() if key not in ("shape", "version", "instance")}
    sizes |= as_mapping(data.get("instance"), f"{where}.instance")
    shape = data.get("shape")
    names, defaults = STANDARD, dict[str, Any]()
    if isinstance(shape, Mapping):
        given = as_mapping(shape, f"{where}.shape")  # pyright: ignore[reportUnknownArgumentType]
        names = names_of(given, f"{where}.shape")
        defaults = dict(_defaults(given, f"{where}.shape.coefficients"))
    densities = as_mapping(sizes.pop("densities", None), f"{where}.densities")
    density, model = _densities(densities, names, f"{where}.densities")
    return ProblemFile(_Sizes(names, sizes, defaults, where).problem(), names, density, model)


def _defaults(shape: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    entries = [as_mapping(each, where) for each in as_list(shape.get("coefficients"), where)]
    return {str(section(each, "name", where)): each.get("default", 1) for each in entries}


class _Sizes:
    """Loop sizes and strides; everything else that changes the counts is refused."""

    def __init__(
        self, names: Names, sizes: Mapping[str, Any], defaults: Mapping[str, Any], where: str
    ) -> None:
        self.names, self.where = names, where
        self.given = {**defaults, **sizes}

    def problem(self) -> LoopProblem:
        """The loops.

        Raises:
            ConfigError: Lists every size that is none, and every key that means something else.
        """
        ConfigError.if_any(found for key, value in self.given.items() if (found := self._odd(key, value)))
        dims: dict[Dim, int] = {
            dim: self._count(self.given[name], name)
            for name, dim in self.names.dims.items()
            if name in self.given
        }
        return LoopProblem(dims, (self._stride("P"), self._stride("Q")))

    def _odd(self, key: str, value: Any) -> Problem | None:
        coefficients = [name for names in _STRIDES.values() for name in names]
        if key in self.names.dims or key in coefficients or key in self.names.strides.values():
            return None
        if key in _SIZES_ONLY:
            return None
        where = f"{self.where}.{key}"
        if key in self.names.dilations or "dilation" in key.lower():
            one = number(value, where, whole=True, least=1) == 1
            return None if one else Problem(where, str(value), "1: dilated kernels are not covered")
        rule = "dimensions, coefficients, densities and nothing else that changes what is counted"
        return Problem(where, repr(value)[:60], rule)

    def _stride(self, dim: Dim) -> int:
        """What a coefficient is called in the shape, or usually."""
        own = self.names.strides.get(dim)
        if own is not None:
            return self._count(self.given.get(own, own if own.isdigit() else 1), own)
        name = next((name for name in _STRIDES[dim] if name in self.given), None)
        return self._count(self.given[name], name) if name else 1

    def _count(self, value: Any, name: str) -> int:
        return int(number(value, f"{self.where}.{name}", whole=True, least=1))


def _densities(
    given: Mapping[str, Any], names: Names, where: str
) -> tuple[dict[TensorName, float], DensityModel]:
    """Densities by tensor, and the one way in which all their zeros lie."""
    found: dict[TensorName, float] = {}
    models: dict[str, DensityModel] = {}
    for space, value in given.items():
        tensor, place = names.tensors([space], where)[0], f"{where}.{space}"
        kind, share = "fixed-structured", value
        if isinstance(value, Mapping):
            entry = as_mapping(value, place)  # pyright: ignore[reportUnknownArgumentType]
            kind, share = str(entry.get("distribution", kind)), section(entry, "density", place)
        if kind not in _MODELS:
            raise ConfigError(
                Problem(f"{place}.distribution", repr(kind), "fixed-structured, hypergeometric")
            )
        found[tensor] = number(share, f"{place}.density")
        if found[tensor] > 1:
            raise ConfigError(Problem(f"{place}.density", f"{found[tensor]:g}", "a share from 0 to 1"))
        if found[tensor] < 1:
            models[kind] = _MODELS[kind]
    if len(set(models.values())) > 1:
        raise ConfigError(Problem(where, " and ".join(models), "one distribution for all data spaces"))
    usual: DensityModel = "fixed"
    for model in models.values():
        usual = model
    return found, usual
