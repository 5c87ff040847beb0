"""How the weights of each layer are stored: as the network declares, or as the caller says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.core.text import shown
from spareto.profiling.charging import CountingPlan, Planned
from spareto.profiling.layers import WeightStorage
from spareto.records.recipe import FLOAT_BITS
from spareto.widths.epitome import epitome_of
from spareto.widths.stored import declared_bits, float_bits, found_bits

WeightBits = int | Mapping[str, int] | None


def stored_as(network: nn.Module, plan: CountingPlan, asked: WeightBits) -> dict[str, WeightStorage]:
    """How each layer's weights are stored, by the layer's name.

    Args:
        network: The network.
        plan: Its products.
        asked: Width for all layers, or by name; a width that the network declares itself goes first.

    Raises:
        ConfigError: A width is no number of bits, or a name is that of no layer.
    """
    layers = [planned for planned in plan.products if planned.use.first.product.kind != "pair"]
    _refuse(asked, [planned.use.name for planned in layers])
    first: dict[tuple[Any, ...], str] = {}
    found: dict[str, WeightStorage] = {}
    for planned in layers:
        event, name = planned.use.first, planned.use.name
        owner = first.setdefault(event.weight, name)
        bits, notes = _weight_bits(network, planned, asked)
        found[name] = WeightStorage(
            weight_bits=bits,
            bias_bits=None if planned.constant is None else _bias_bits(network, planned),
            shares=None if owner == name else owner,
            epitome=None if (module := _module_of(network, planned)) is None else epitome_of(module),
            notes=notes,
        )
    return found


def _weight_bits(network: nn.Module, planned: Planned, asked: WeightBits) -> tuple[int, tuple[str, ...]]:
    """The width that the network declares, else that the caller says, else that the values show."""
    module = _module_of(network, planned)
    declared = None if module is None else declared_bits(module)
    if declared is not None:
        return declared, ()
    given = asked if isinstance(asked, int) else (asked or {}).get(planned.use.name)
    if given is not None:
        return given, ()
    weight = planned.use.first.product.other
    found = found_bits(weight)
    if found is None:
        return float_bits(weight.dtype)[0], ()
    return found[0], (f"Its weights take {found[0]} bits ({found[1]}).",)


def _bias_bits(network: nn.Module, planned: Planned) -> int:
    """A batch norm that is folded in makes of any bias a number that nobody rounded."""
    module, bias = _module_of(network, planned), planned.use.first.product.bias
    if bias is None or planned.normed:
        return FLOAT_BITS
    declared = None if module is None else declared_bits(module, "bias")
    return declared or (found_bits(bias) or float_bits(bias.dtype))[0]


def _module_of(network: nn.Module, planned: Planned) -> nn.Module | None:
    name = planned.use.first.name
    modules = dict(network.named_modules())
    return modules.get(name)


def _refuse(asked: WeightBits, layers: list[str]) -> None:
    rule = "a whole number of bits from 1 to 64"
    if not (asked is None or isinstance(asked, int | Mapping)):
        cure = "Give one number for all layers, or a dict by the layer's name."
        raise ConfigError(Problem("weight_bits", shown(asked), rule, cure))
    given = (
        {"weight_bits": asked}
        if isinstance(asked, int)
        else {f"weight_bits['{name}']": bits for name, bits in (asked or {}).items()}
    )
    problems = [
        Problem(where, shown(bits), rule)
        for where, bits in given.items()
        if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 64
    ]
    names = [] if isinstance(asked, int) else list(asked or {})
    problems += [
        Problem(f"weight_bits['{name}']", shown(name), one_of(layers), did_you_mean(name, layers))
        for name in names
        if name not in layers
    ]
    ConfigError.if_any(problems)
