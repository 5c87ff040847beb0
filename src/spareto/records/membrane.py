"""How the state of a neuron is stored, as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from spareto.core.config import Record, Rule
from spareto.core.options import power_of_two

StateBits = Annotated[int, Field(ge=2, le=16, strict=True), Rule("an integer from 2 to 16")]


PowerOfTwo = Annotated[
    float,
    Field(ge=2.0**-64, le=2.0**64),
    AfterValidator(power_of_two),
    Rule("a power of two", "Use 1, 2 or 4, say."),
]


class MembranePlan(Record):
    """How a neuron's state is stored between timesteps: in a few levels, saturating.

    Args:
        bits: Width of one state variable.
        v_max: Where it saturates, a power of two, in the units of the firing threshold; for range `fixed`.
        range: `fixed` is fixed point up to `v_max`, `learned` trains the range with the weights, `running`
            follows the largest state of the training batches; `batch` takes that of each batch, also in
            evaluation, for reproducing published code: answers depend on the batch.
        squash: `tanh` stores `tanh` of the state, as that code does; not with range `fixed`.
    """

    bits: StateBits
    v_max: PowerOfTwo = 2.0
    range: Literal["fixed", "learned", "running", "batch"] = "fixed"
    squash: Literal["none", "tanh"] = "none"

    @model_validator(mode="after")
    def _check_range(self) -> MembranePlan:
        if self.range == "fixed" and self.squash != "none":
            raise ValueError("squash none with range fixed, whose levels are those of a chip")
        if self.range != "fixed" and self.v_max != 2.0:
            raise ValueError(f"no v_max with range {self.range}, which finds its own")
        return self
