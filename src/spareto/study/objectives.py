"""What a study wants, as data: objectives with a direction each, and constraints; never imports torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, cast

from pydantic import AfterValidator, BeforeValidator

from spareto.core.bounds import Signed
from spareto.core.config import Record, Rule
from spareto.core.errors import did_you_mean
from spareto.records.trial import Trial
from spareto.study.metrics import METRICS, Sense, value_of

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_BOUND: Final = re.compile(
    rf"\s*(?P<metric>\w+)\s*(?P<relation><=|>=)\s*"
    rf"(?:(?P<factor>{_NUMBER})\s*\*\s*)?(?P<dense>dense\b)?\s*"
    rf"(?:\*\s*(?P<times>{_NUMBER}))?\s*(?:(?P<sign>[+-])?\s*(?P<number>{_NUMBER})\s*(?P<unit>[\w%µ]*))?\s*"
)


def _known(name: str) -> str:
    if name not in METRICS:
        hint = did_you_mean(name, tuple(METRICS))
        raise ValueError(f"one of {', '.join(METRICS)}. {hint}".rstrip(". "))
    return name


MetricName = Annotated[str, AfterValidator(_known)]


class Objective(Record):
    """A metric to make large or small.

    Args:
        metric: Name of the metric; `accuracy` is that on the validation split.
        direction: `max` or `min`; left out, the metric's own.
        reference: Value of the hypervolume's reference point; left out, 0 for accuracy, and for every other
            metric what the dense network has.
    """

    metric: MetricName
    direction: Sense | None = None
    reference: Signed | None = None

    @property
    def sense(self) -> Sense:
        """Whether more or less is better."""
        return self.direction or METRICS[self.metric].sense


def _named(objective: Any) -> Any:
    return {"metric": objective} if isinstance(objective, str) else objective


AnyObjective = Annotated[Objective, BeforeValidator(_named)]


class Constraint(Record):
    """A bound on a metric: `number`, or `factor` times the dense network's value plus `number`."""

    metric: MetricName
    relation: Literal["<=", ">="]
    factor: Signed = 0.0
    number: Signed = 0.0

    def bound(self, dense: Trial) -> float:
        """The bound itself, in the metric's unit."""
        return self.factor * value_of(dense, self.metric) + self.number if self.factor else self.number

    def excess(self, trial: Trial, dense: Trial) -> float:
        """How far a trial is beyond the bound, as a share of it; 0 or less where it holds."""
        bound = self.bound(dense)
        beyond = value_of(trial, self.metric) - bound
        return (beyond if self.relation == "<=" else -beyond) / (abs(bound) or 1.0)


def _spelled(constraint: Any) -> Any:
    """`accuracy >= dense - 0.01`, `stored <= 2 MB`, `energy <= 0.5 * dense`."""
    if not isinstance(constraint, str):
        return constraint
    found = _BOUND.fullmatch(constraint)
    if found is None or not (found["dense"] or found["number"]):
        raise ValueError
    parts = cast("dict[str, str | None]", found.groupdict())
    metric, dense, number = str(parts["metric"]), parts["dense"], parts["number"]
    if not dense and (parts["factor"] or parts["times"]):
        raise ValueError
    if dense and number and not parts["sign"] and number[0] not in "+-":
        raise ValueError
    units = METRICS[metric].units if metric in METRICS else {}
    unit = parts["unit"] or ""
    if unit and unit not in units:
        raise ValueError
    factor = float(parts["factor"] or 1) * float(parts["times"] or 1) if dense else 0.0
    size = float(number or 0) * units.get(unit, 1.0) * (-1 if parts["sign"] == "-" else 1)
    return {"metric": metric, "relation": parts["relation"], "factor": factor, "number": size}


AnyConstraint = Annotated[
    Constraint,
    BeforeValidator(_spelled),
    Rule(
        "a metric, <= or >=, and a number with a unit of it or 'dense'",
        f"Write 'accuracy >= dense - 0.01', 'stored <= 2 MB' or 'energy <= 0.5 * dense'; metrics are "
        f"{', '.join(METRICS)}.",
    ),
]
ACCURACY_ENERGY: Final = (Objective(metric="accuracy"), Objective(metric="energy"))


def senses_of(objectives: Sequence[Objective]) -> list[Sense]:
    """Whether more or less is better, one an objective."""
    return [objective.sense for objective in objectives]


def point_of(trial: Trial, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """The values of a trial's objectives."""
    return tuple(value_of(trial, objective.metric) for objective in objectives)


def reference_point(dense: Trial, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """The point that counts as worthless: accuracy 0, and what the dense network takes of everything else."""

    def of(objective: Objective) -> float:
        if objective.reference is not None:
            return objective.reference
        return 0.0 if objective.metric == "accuracy" else value_of(dense, objective.metric)

    return tuple(of(objective) for objective in objectives)


def excesses(trial: Trial, dense: Trial, constraints: Sequence[Constraint]) -> tuple[float, ...]:
    """How far a trial is beyond each constraint; 0 or less where it holds."""
    return tuple(constraint.excess(trial, dense) for constraint in constraints)
