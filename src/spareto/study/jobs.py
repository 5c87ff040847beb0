"""A trial to be carried out, as an executor and a store's task have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from spareto.records import Recipe
from spareto.study.database.tasks import Task

Stage = Literal["result", "search"]


@dataclass(frozen=True)
class Job:
    """A trial to be carried out.

    Args:
        recipe: What to do.
        seed: With which seed.
        stage: What for.
    """

    recipe: Recipe
    seed: int
    stage: Stage = "result"

    def task(self, key: str, needs: str | None) -> Task:
        """As the store keeps it."""
        job = {
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "stage": self.stage,
            "label": self.recipe.label,
        }
        return Task(key, job, needs)

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> Job:
        """As it comes back from the store."""
        return cls(Recipe.parse(job["recipe"], "task"), int(job["seed"]), cast(Stage, job["stage"]))
