"""Problems: sizes and strides of a convolution, whatever its dimensions are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from spareto.core.errors import ConfigError, Problem
from spareto.hardware.describing.problem import DIMS, RELEVANT, Dim, LoopProblem, TensorName
from spareto.reproduction.timeloop.files.plain import as_list, as_mapping, load, number, section, tensors

NAMES: Final[dict[str, Dim]] = {"K": "M", **{dim: dim for dim in DIMS}}
_SIZES_ONLY: Final = ("H", "W", "Hpad", "Wpad")  # of the input: they follow from the others
_STRIDES: Final = {"P": ("Wstride", "P_stride", "strideP"), "Q": ("Hstride", "Q_stride", "strideQ")}


def read_problem(path: str | Path) -> LoopProblem:
    """Read a problem.

    Raises:
        ConfigError: It cannot be read, or is no convolution as our model has them: another projection,
            dilation, groups, densities; each is named.
    """
    where = f"{path}: problem"
    data = as_mapping(section(load(path), "problem", str(path)), where)
    sizes = {key: value for key, value in data.items() if key not in ("shape", "version", "instance")}
    sizes |= as_mapping(data.get("instance"), f"{where}.instance")
    problems: list[Problem] = []
    shape = data.get("shape")
    if isinstance(shape, Mapping):
        problems += _odd_shape(as_mapping(shape, where), f"{where}.shape")  # pyright: ignore[reportUnknownArgumentType]
    dims, factors = _split(sizes, where, problems)
    if problems:
        raise ConfigError(problems)
    stride = tuple(
        next((factors[name] for name in _STRIDES[dim] if name in factors), 1) for dim in ("P", "Q")
    )
    return LoopProblem(dims, (stride[0], stride[1]))


def _split(
    sizes: Mapping[str, Any], where: str, problems: list[Problem]
) -> tuple[dict[Dim, int], dict[str, int]]:
    """Loop sizes, and strides; everything else that changes the counts is refused."""
    dims: dict[Dim, int] = {}
    factors: dict[str, int] = {}
    for key, value in sizes.items():
        if key in NAMES:
            dims[NAMES[key]] = int(number(value, f"{where}.{key}", whole=True, least=1))
        elif any(key in names for names in _STRIDES.values()):
            factors[key] = int(number(value, f"{where}.{key}", whole=True, least=1))
        elif key in _SIZES_ONLY or (key == "densities" and not value):
            continue
        elif "dilation" in key.lower():
            if number(value, f"{where}.{key}", whole=True, least=1) != 1:
                problems.append(Problem(f"{where}.{key}", str(value), "1: dilated kernels are not covered"))
        elif key == "G":
            if number(value, f"{where}.{key}", whole=True, least=1) != 1:
                problems.append(Problem(f"{where}.{key}", str(value), "1: cost one group"))
        else:
            rule = "dimensions, strides and nothing that changes what is counted"
            problems.append(Problem(f"{where}.{key}", repr(value)[:60], rule))
    return dims, factors


def _odd_shape(shape: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """Data spaces whose dimensions are not those of a convolution."""
    known = [str(dim) for dim in as_list(shape.get("dimensions"), f"{where}.dimensions")]
    for dim in known:
        if dim not in NAMES and dim != "G":
            yield Problem(f"{where}.dimensions", f"'{dim}'", f"dimensions {', '.join(NAMES)}")
    spaces = as_list(shape.get("data_spaces", shape.get("data-spaces")), f"{where}.data_spaces")
    there = {NAMES[dim] for dim in known if dim in NAMES}
    for space in spaces:
        given = as_mapping(space, f"{where}.data_spaces")
        name = str(given.get("name", "?"))
        tensor: TensorName = tensors([name], f"{where}.data_spaces")[0]
        used = set(_dims_of(given.get("projection"), f"{where}.data_spaces '{name}'"))
        if used != there & RELEVANT[tensor]:
            rule = f"the dimensions {', '.join(sorted(there & RELEVANT[tensor]))}, as in a convolution"
            yield Problem(f"{where}.data_spaces '{name}'", f"{', '.join(sorted(used)) or 'none'}", rule)


def _dims_of(projection: Any, where: str) -> Iterator[Dim]:
    """Dimensions in sums of products: `[[P, Wstride], [R]]`; coefficients are not dimensions."""
    if isinstance(projection, list):
        for each in projection:  # pyright: ignore[reportUnknownVariableType]
            yield from _dims_of(each, where)
    elif str(projection) in NAMES:
        yield NAMES[str(projection)]
