"""A coding of still images, as a study file says it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from spareto.core.config import Named, Rule
from spareto.core.errors import ConfigError, Problem
from spareto.data._base import ImageEncoder
from spareto.data.encoders.images import registry
from spareto.records.training import Choice

Coding = Annotated[str | dict[str, Any], Rule("the name of a coding, or its name and options")]
"""What the option `coding` of a data set may be."""

_PLACE: Final = "data.options"


class CodingPlan(Choice):
    """How still images become frames, as the option `coding` of a data set says it.

    Args:
        name: Name of the coding; in YAML the bare name will do where there are no options.
        options: What its constructor takes.
    """

    what: ClassVar[str] = "a coding"
    name: Annotated[str, Named("spareto.data.encoders.images")] = "direct"


def encoder_of(coding: Coding, seed: Any = None) -> ImageEncoder:
    """The coding that a data set is asked for.

    Args:
        coding: Its name, or a mapping: `{"name": "latency", "options": {"least": 40}}`.
        seed: Seed of a coding that draws spikes at random; left out, its own.

    Raises:
        ConfigError: It is neither, has two seeds, or refuses its options.
        UnknownName: There is no such coding.
    """
    plan = CodingPlan.parse(coding, f"{_PLACE}.coding")
    if seed is None:
        return registry.make(
            plan.name, f"{_PLACE}.coding.options" if plan.options else _PLACE, **plan.options
        )
    if "seed" in plan.options:
        raise ConfigError(
            Problem(f"{_PLACE}.seed", str(seed), "one seed, here or among the coding's options")
        )
    return registry.make(plan.name, _PLACE, **plan.options, seed=seed)
