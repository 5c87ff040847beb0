"""The first epochs of a training by a recipe, which other recipes may have in common with it."""

from __future__ import annotations

from dataclasses import dataclass

from spareto.compression.checks import epoch_of
from spareto.core.artifacts import fingerprint
from spareto.records import Recipe
from spareto.records.recipe import FLOAT_BITS


@dataclass(frozen=True)
class Prefix:
    """The epochs of a training before the last change that its recipe's steps make.

    Each phase of a training has a learning-rate curve of its own, and what is random in an epoch follows from
    the seed and the epoch. So nothing that begins later can be seen in the network that these epochs leave.
    They end where a phase ends: of a recipe with one curve over all epochs no part can be shared.

    Args:
        epochs: How many there are, at least 1.
        recipe: What the recipe is without what begins later, and without its name.
    """

    epochs: int
    recipe: Recipe

    @property
    def hash(self) -> str:
        """Fingerprint: recipes of equal ones leave the same network after these epochs, on the same data."""
        return fingerprint([self.recipe.hash, self.epochs])


def prefix_of(recipe: Recipe) -> Prefix | None:
    """The part of a recipe's training that others may share; None where it has none."""
    begins = [epoch_of(step.start, recipe) for step in recipe.steps]
    last = max(begins, default=0)
    if last == 0:
        return None
    earlier = tuple(step for step, epoch in zip(recipe.steps, begins, strict=True) if epoch < last)
    # weights are rounded to their storage width only when the training is over
    return Prefix(last, recipe.replace(name="", steps=earlier, storage_bits=FLOAT_BITS))
