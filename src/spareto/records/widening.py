"""Widening and squeezing, as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from spareto.core.config import Record, Rule
from spareto.records.recipe import Recipe
from spareto.records.steps.quantize import QuantizeStep
from spareto.records.training import Count, Positive, TrainingPlan

Multiplier = Annotated[float, Field(ge=1, le=64, strict=True), Rule("a number from 1 to 64")]
Weight = Annotated[float, Field(ge=0, le=1e9, strict=True), Rule("a number of at least 0, at most 1e9")]
BINARY = Recipe(steps=(QuantizeStep(quantizer="sign", bits=1, granularity="per_channel"),))


class Budget(Record):
    """What a squeezed network may take at most.

    Args:
        metric: `bops`, bit operations of an inference, or `energy`, that of an inference in picojoules.
        at_most: The amount.
        accelerator: Name of the accelerator, or its file; for `energy`.
    """

    metric: Literal["bops", "energy"] = "bops"
    at_most: Positive
    accelerator: str = "eyeriss_like"


class WideningPlan(Record):
    """How a trained network becomes a wide binary one, and how that becomes small again.

    Args:
        multiplier: Hidden channels by those of the trained network; 1 widens nothing.
        noise: Standard deviation of what is added to the weights of added channels, by that of their layer:
            without it they stay copies.
        recipe: What makes the wide network binary, in force from the start; its training is that of the wide
            network. Left out, all weights become a sign by a magnitude per channel.
        features: Names of the modules whose outputs follow the trained network's; left out, all spiking
            layers of ours but the last.
        feature_weight: Weight of the distance between features; 0 leaves the trained network out.
        scale_l1: Weight of the sum of the batch norms' scales, which says what channels are worth.
        budget: What the squeezed network may take; None squeezes nothing.
        rounds: Cuts on the way to the budget, in equal ratios, each with its fine-tuning.
        fine_tuning: Training after each cut.
    """

    version: Literal[1] = 1
    multiplier: Multiplier = 2.0
    noise: Weight = 0.1
    recipe: Recipe = BINARY
    features: tuple[str, ...] = ()
    feature_weight: Weight = 1.0
    scale_l1: Weight = 1e-4
    budget: Budget | None = None
    rounds: Count = 1
    fine_tuning: TrainingPlan = TrainingPlan()

    @field_validator("recipe")
    @classmethod
    def _does_something(cls, recipe: Recipe) -> Recipe:
        if recipe.idle:
            raise ValueError("a recipe that does something: a step, neurons or storage_bits")
        return recipe
