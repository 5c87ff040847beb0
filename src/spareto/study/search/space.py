"""What a search may choose, as data: variables over fields of a recipe; never imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, cast

from pydantic import AfterValidator, BeforeValidator, Field

from spareto.core.bounds import MOST_STORED, Signed
from spareto.core.config import Record, Rule
from spareto.core.errors import ConfigError, Problem

Whole = Annotated[int, Field(ge=-MOST_STORED, le=MOST_STORED)]
Value = str | Whole | Signed | bool | None
FLOAT: Final = 32
"""Width that stands for weights which no step quantizes."""
_MOST_VALUES: Final = 10_000


def _listed(domain: Any) -> Any:
    """A list as it is; `{from: 0, to: 0.9, step: 0.1}` as the list it means."""
    if isinstance(domain, list | tuple):
        return cast("Sequence[Any]", domain)
    if not isinstance(domain, Mapping):
        raise ValueError
    span = cast("Mapping[str, Any]", domain)
    if set(span) != {"from", "to", "step"} or not all(_is_number(value) for value in span.values()):
        raise ValueError
    first, last, step = (float(span[key]) for key in ("from", "to", "step"))
    count = round((last - first) / step) if step > 0 else -1
    if not 0 <= count < _MOST_VALUES or abs(first + count * step - last) > 1e-9 * max(abs(last), 1.0):
        raise ValueError
    whole = all(isinstance(span[key], int) for key in span)
    values = [round(first + place * step, 10) for place in range(count + 1)]
    return [round(value) for value in values] if whole else values


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if len(set(map(repr, values))) < len(values):
        raise ValueError
    return values


Domain = Annotated[
    tuple[Value, ...],
    Field(min_length=1),
    AfterValidator(_distinct),
    BeforeValidator(_listed),
    Rule(
        "a list of different values, or {from, to, step} that meets its end",
        "Write [2, 4, 8], or {from: 0, to: 0.9, step: 0.1}.",
    ),
]


class LayerSpace(Record):
    """What may be chosen for one layer, or for several together.

    Args:
        bits: Widths of a stored weight; 32 leaves weights as they are, for the whole network only.
        sparsity: Shares of weights to remove, 0..1.
        quantizer: Names of quantizers.
        pruner: Names of pruners, with their options: `channels norm=l2`.
        rows: Most rows of an epitome; null for no limit.
        columns: Most columns of an epitome; null for no limit.
    """

    bits: Domain | None = None
    sparsity: Domain | None = None
    quantizer: Domain | None = None
    pruner: Domain | None = None
    rows: Domain | None = None
    columns: Domain | None = None

    def chosen(self) -> dict[str, tuple[Value, ...]]:
        """The fields that vary."""
        fields = {name: getattr(self, name) for name in LayerSpace.model_fields}
        return {name: values for name, values in fields.items() if values is not None}


class Space(LayerSpace):
    """The variables of a search.

    Args:
        order: Orders of quantizer and mask.
        start: Shares of the training after which weights are quantized; 0.5 is the cumulative regime.
        fields: Any other field of a recipe by its path: `training.learning_rate`, `quantize.rounding`,
            `prune.scope`, `storage_bits`.
        each_layer: One variable a layer.
        layers: Variables for all layers that match a shell-style pattern, the first that matches counts.
    """

    order: Domain | None = None
    start: Domain | None = None
    fields: dict[str, Domain] = Field(default_factory=dict[str, Domain])
    each_layer: LayerSpace | None = None
    layers: dict[str, LayerSpace] = Field(default_factory=dict[str, LayerSpace])

    def variables(self, layers: Sequence[str]) -> tuple[Variable, ...]:
        """Every variable of the space, for a network with these layers.

        Raises:
            ConfigError: There is none, or a pattern matches no layer.
        """
        found = tuple(self._variables(layers))
        ConfigError.if_any(
            Problem(
                f"study.search.space.layers.{pattern}",
                "no layer",
                "a pattern that matches a layer",
                f"The network has {', '.join(layers)}.",
            )
            for pattern in self.layers
            if not any(fnmatchcase(layer, pattern) for layer in layers)
        )
        if not found:
            rule, cure = "at least one variable", "Write bits: [2, 4, 8], say."
            raise ConfigError(Problem("study.search.space", "nothing to choose", rule, cure))
        return found

    def _variables(self, layers: Sequence[str]) -> Iterator[Variable]:
        for name, values in self.chosen().items():
            yield Variable(name, values)
        for name, values in (("order", self.order), ("start", self.start)):
            if values is not None:
                yield Variable(name, values)
        for path, values in self.fields.items():
            yield Variable(path, values)
        for pattern, own in self.layers.items():
            for name, values in own.chosen().items():
                yield Variable(f"{pattern}:{name}", values, pattern)
        if self.each_layer is not None:
            for layer in layers:
                if not any(fnmatchcase(layer, pattern) for pattern in self.layers):
                    for name, values in self.each_layer.chosen().items():
                        yield Variable(f"{layer}:{name}", values, layer)


@dataclass(frozen=True)
class Variable:
    """One choice of a search.

    Args:
        name: `bits`, `training.learning_rate`, or `features.0.conv:bits`.
        values: What it may be.
        layer: The layer, or pattern of layers, it is for; None for the whole network.
    """

    name: str
    values: tuple[Value, ...]
    layer: str | None = None

    @property
    def field(self) -> str:
        """What it sets, without the layer."""
        return self.name if self.layer is None else self.name[len(self.layer) + 1 :]

    @property
    def ordered(self) -> bool:
        """Whether its values are numbers in rising or falling order, so that neighbours are alike."""
        if not all(_is_number(value) for value in self.values):
            return False
        numbers = cast("tuple[float, ...]", self.values)
        return list(numbers) in (sorted(numbers), sorted(numbers, reverse=True))


Point = dict[str, Value]
"""Variable name to the value that was chosen."""
