"""What `spareto learn` carries out, as data: networks that learn by local rules, on one set of images."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from spareto.core.bounds import Seed
from spareto.core.config import Record, Rule, contradiction
from spareto.core.errors import ConfigError, Problem
from spareto.plasticity.variants import load_plan
from spareto.records.data import Option
from spareto.records.plasticity import PlasticityPlan

MOST_NEURONS: Final = 100_000

Name = Annotated[str, Field(min_length=1, max_length=80), Rule("a text of 1 to 80 characters")]
Neurons = Annotated[int, Field(ge=1, le=MOST_NEURONS, strict=True), Rule("an integer from 1 to 100,000")]
Epochs = Annotated[int, Field(ge=1, le=10_000, strict=True), Rule("an integer from 1 to 10,000")]
Share = Annotated[float, Field(gt=0, lt=1, strict=True), Rule("a share above 0 and below 1")]
Weight = Annotated[float, Field(ge=0, le=1000, strict=True), Rule("a number from 0 to 1000")]


class Pictures(Record):
    """A data set of still images.

    Args:
        name: Name of the data set.
        options: Options of the data set itself; `root` says where its files are.
    """

    name: str = "digit_images"
    options: dict[str, Option] = Field(default_factory=dict[str, Option])


class NetworkEntry(Record):
    """One network to compare.

    Args:
        variant: Name of the plan it begins with.
        label: What it is called in tables; left out, the variant's name.
        changes: Keys of the plan that are otherwise, nested as there.
    """

    variant: Name
    label: Name | None = None
    changes: dict[str, Any] = Field(default_factory=dict[str, Any])

    @property
    def called(self) -> str:
        """Its label."""
        return self.label or self.variant


class Score(Record):
    """How candidates are ranked: accuracy − (memory_weight × memory + energy_weight × energy).

    Memory and energy of a learnt sample are those of the first network of the list with as many neurons,
    taken as 1.

    Args:
        memory_weight: μ.
        energy_weight: ε.
    """

    memory_weight: Weight = 0.05
    energy_weight: Weight = 0.05


class LocalStudy(Record):
    """Networks that learn by local rules, on one data set of still images.

    Args:
        version: Of this format.
        name: Name of the study; its results lie in runs/NAME.
        data: The images.
        networks: What is compared; the first is what the others are compared with.
        changes: Keys of every plan that are otherwise.
        neurons: Sizes of the layer.
        changes_at: Keys that are otherwise at one of these sizes: the more neurons share the samples, the
            fewer spikes each has for its threshold to settle.
        epochs: Passes over the training images.
        seeds: Each trains every network anew.
        validation_share: Share of the training images that nothing is learnt from; it ranks the candidates.
        vote: How spikes become a class.
        score: How candidates are ranked.
    """

    version: Literal[1] = 1
    name: Name
    data: Pictures = Pictures()
    networks: Annotated[tuple[NetworkEntry, ...], Field(min_length=1, max_length=100)]
    changes: dict[str, Any] = Field(default_factory=dict[str, Any])
    neurons: Annotated[tuple[Neurons, ...], Field(min_length=1, max_length=100)] = (100, 400)
    changes_at: dict[Neurons, dict[str, Any]] = Field(default_factory=dict[int, dict[str, Any]])
    epochs: Epochs = 3
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=100)] = (0, 1, 2)
    validation_share: Share = 0.1
    vote: Literal["all", "proportion"] = "all"
    score: Score = Score()

    @model_validator(mode="after")
    def _plans_are_sound(self) -> Self:
        problems: list[Problem] = []
        for number, entry in enumerate(self.networks):
            where = f".networks[{number}]"
            for neurons in self.neurons:
                try:
                    self.plan(entry, neurons, where)
                except ConfigError as error:
                    problems += [problem for problem in error.problems if problem not in problems]
            if entry.called in [other.called for other in self.networks[:number]]:
                problems.append(Problem(f"{where}.label", f"'{entry.called}' again", "different labels"))
        for neurons in self.changes_at:
            if neurons not in self.neurons:
                problems.append(Problem(".changes_at", str(neurons), f"one of neurons, {list(self.neurons)}"))
        for key in ("neurons", "seeds"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                problems.append(Problem(f".{key}", f"{list(values)}", "each value once"))
        if problems:
            raise contradiction(problems)
        return self

    def plan(self, entry: NetworkEntry, neurons: int, where: str = "networks") -> PlasticityPlan:
        """The plan of one of its networks, of so many neurons.

        Raises:
            UnknownName: There is no such variant.
            ConfigError: A change breaks a rule.
        """
        at_size = self.changes_at.get(neurons, {})
        return load_plan(entry.variant, self.changes, at_size, entry.changes, where=where)
