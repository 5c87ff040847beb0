"""What every step of a recipe says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from spareto.core.config import Record
from spareto.records.training import Start


class StepPlan(Record):
    """One item of a recipe's `steps`: what is done to the weights, from when on.

    A step is a file in `records/steps/` and the file of the same name in `compression/steps/`; that name is
    its `kind`.

    Args:
        kind: Name of the step.
        start: Share of the training after which it is done.
    """

    place: ClassVar[int] = 0
    """Of steps that start together, those with smaller numbers are carried out first."""

    regime: ClassVar[str]
    """What a recipe is called that has this step alone."""

    examples: ClassVar[tuple[dict[str, Any], ...]]
    """Fields of such steps, `kind` aside; contract tests try each, and the schema of recipes shows them."""

    prevails: ClassVar[bool] = False
    """Whether a recipe has this step's regime whatever other steps it has."""

    kind: Any
    start: Start = 0.0

    def __hash__(self) -> int:
        return hash(self.hash)

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of the stored weights that it decides, the most common first; empty if it decides none."""
        return ()

    @property
    def shares(self) -> tuple[float, ...]:
        """Shares of the touched weights that it removes, 0..1, that of most layers first."""
        return ()

    @property
    def words(self) -> str:
        """What a recipe's label says of it beside widths and shares."""
        return ""

    def contradiction(self, others: Iterable[StepPlan]) -> str:
        """The rule that a recipe with these other steps breaks; empty if there is none."""
        return ""
