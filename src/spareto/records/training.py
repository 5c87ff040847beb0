"""How a network is trained, as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spareto.core.config import Record, Rule

Count = Annotated[int, Field(ge=1, strict=True), Rule("an integer of at least 1")]
Epochs = Annotated[int, Field(ge=0, strict=True), Rule("an integer of at least 0")]
Positive = Annotated[float, Field(gt=0, strict=True), Rule("a number above 0")]
Share = Annotated[float, Field(ge=0, lt=1, strict=True), Rule("a share from 0 to below 1")]
Pixels = Annotated[int, Field(ge=0, strict=True), Rule("a whole number of pixels, 0 or more")]
Degrees = Annotated[float, Field(ge=0, le=180, strict=True), Rule("an angle from 0 to 180 degrees")]


class TrainingPlan(Record):
    """Adam with linear warm-up and cosine decay; both restart when a recipe step begins.

    Args:
        epochs: Passes over the training split.
        batch_size: Samples a step.
        learning_rate: Peak learning rate, reached after the warm-up.
        warmup_epochs: Epochs over which the learning rate rises from 0 to its peak.
        weight_decay: Decoupled weight decay of convolution and dense weights.
        loss: `mse_vote` compares voted firing rates with the one-hot target; `cross_entropy_rate` takes
            them as logits.
        max_shift: Training frames move by up to this many pixels in x and y, at random.
        max_rotation: Training frames turn by up to this many degrees either way, at random.
        max_scale: Training frames grow or shrink by up to this share, at random.
        max_shear: Rows of training frames slide by up to this share of their distance from the middle row.

    Reference:
        schaefer2023, section III: Adam, warm-up, cosine, MSE on voted rates.
    """

    epochs: Epochs = 10
    batch_size: Count = 32
    learning_rate: Positive = 1e-3
    warmup_epochs: Epochs = 1
    weight_decay: Annotated[float, Field(ge=0, strict=True), Rule("a number of at least 0")] = 0.0
    loss: Literal["mse_vote", "cross_entropy_rate"] = "mse_vote"
    max_shift: Pixels = 0
    max_rotation: Degrees = 0.0
    max_scale: Share = 0.0
    max_shear: Share = 0.0

    @property
    def warps(self) -> bool:
        """Whether training frames are turned, scaled or sheared."""
        return any((self.max_rotation, self.max_scale, self.max_shear))
