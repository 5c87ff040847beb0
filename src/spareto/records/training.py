"""How a network is trained, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import AfterValidator, Field, model_validator

from spareto.core.bounds import MOST_COUNTED
from spareto.core.config import Named, Record, Rule

Count = Annotated[
    int, Field(ge=1, le=MOST_COUNTED, strict=True), Rule("an integer of at least 1, at most 1e9")
]
Epochs = Annotated[int, Field(ge=0, le=1_000_000, strict=True), Rule("an integer of at least 0, at most 1e6")]
Positive = Annotated[float, Field(gt=0, le=1e9, strict=True), Rule("a number above 0, at most 1e9")]
Share = Annotated[float, Field(ge=0, lt=1, strict=True), Rule("a share from 0 to below 1")]
Rate = Annotated[float, Field(ge=0, le=1, strict=True), Rule("a firing rate from 0 to 1")]
Flag = Annotated[bool, Field(strict=True), Rule("true or false")]
Start = Annotated[
    float,
    Field(ge=0, lt=1, strict=True),
    Rule("a share of the training from 0 to below 1", "Write the middle of the training as 0.5."),
]
Pixels = Annotated[
    int, Field(ge=0, le=10_000, strict=True), Rule("a whole number of pixels, 0 or more, at most 10,000")
]
Degrees = Annotated[float, Field(ge=0, le=180, strict=True), Rule("an angle from 0 to 180 degrees")]

NotNegative = Annotated[float, Field(ge=0, le=1e9, strict=True), Rule("a number of at least 0, at most 1e9")]
Options = Annotated[
    dict[str, Any],
    Rule("names and values of options", "Write {name: value}."),
]


class Choice(Record):
    """A variant by its name, and the options that belong to it; in YAML the bare name will do without them.

    Args:
        name: Name of the variant.
        options: What its constructor takes.
    """

    what: ClassVar[str]
    """What messages call a variant."""

    name: str
    options: Options = Field(default_factory=dict[str, Any])

    def __hash__(self) -> int:
        return hash(self.hash)

    @model_validator(mode="before")
    @classmethod
    def _by_its_name(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"name": given}
        if not isinstance(given, Mapping | Choice):
            raise ValueError(f"the name of {cls.what}, or its name and options")
        return cast(Any, given)


class OptimizerPlan(Choice):
    """What makes a step of a gradient.

    Args:
        name: Name of the optimizer; in YAML the bare name will do where there are no options.
        options: What its constructor takes.
    """

    what: ClassVar[str] = "an optimizer"
    name: Annotated[str, Named("spareto.training.optimizers")] = "adam"


class UpdatePlan(Record):
    """On which logarithmic grid weights lie between two optimizer steps.

    Args:
        bits: Width of a weight there: one of the sign, the others of the exponent, which spans 16 octaves.
        rounding: To the nearest exponent, or up and down at random so that the mean stays.

    Reference:
        zhao2022 (LNS-Madam), the update quantizer.
    """

    bits: Annotated[int, Field(ge=6, le=16, strict=True), Rule("an integer from 6 to 16")]
    rounding: Literal["nearest", "stochastic"] = "nearest"


LogarithmBits = Annotated[int, Field(ge=6, le=16, strict=True), Rule("an integer from 6 to 16")]


class LogarithmicPlan(Record):
    """Widths of the logarithmic numbers that a training computes with; None leaves floats.

    One bit is the sign, the others an exponent that spans 16 octaves below the largest of each tensor.

    Args:
        activations: What layers of neurons pass on. Spikes are 0 and 1 at any width.
        errors: Gradients of what they pass on.
        gradients: Gradients of convolution and dense weights, before the optimizer sees them.

    Reference:
        zhao2022 (LNS-Madam): 8 bits for each.
    """

    activations: LogarithmBits | None = None
    errors: LogarithmBits | None = None
    gradients: LogarithmBits | None = None

    @model_validator(mode="after")
    def _some(self) -> LogarithmicPlan:
        if not (self.activations or self.errors or self.gradients):
            raise ValueError("a width for activations, errors or gradients")
        return self


def _right_above_others(rates: tuple[float, float]) -> tuple[float, float]:
    if rates[0] <= rates[1]:
        raise ValueError("the rate of the right class first, and above that of the others")
    return rates


class TrainingPlan(Record):
    """An optimizer with linear warm-up and cosine decay; both restart when a recipe step begins.

    Args:
        epochs: Passes over the training split.
        batch_size: Samples a step, over all processes.
        learning_rate: Peak learning rate, reached after the warm-up.
        warmup_epochs: Epochs over which the learning rate rises from 0 to its peak.
        optimizer: What makes a step of a gradient.
        update: Grid on which the weights lie between two steps; None leaves them floats.
        logarithmic: Widths of logarithmic activations, errors and gradients; None computes with floats.
        weight_decay: Decoupled weight decay of convolution and dense weights.
        l1: Times the sum of their magnitudes is added to the loss.
        loss: `mse_vote` compares voted firing rates with the one-hot target; `cross_entropy_rate` takes
            them as logits, `cross_entropy_time` the votes of every timestep; `spike_count` asks for a firing
            rate of the right class and one of the others.
        rate_weight: Times the squared distance of every hidden layer's mean firing rate from `rate_target` is
            added to the loss; 0 adds nothing.
        rate_target: Firing rate of a hidden layer: 0.5 is that of most entropy.
        label_smoothing: Share of the target spread evenly over all classes; not used by `spike_count`.
        target_rates: Firing rates `spike_count` asks for: of the right class, and a lower one of every other.
        max_shift: Training frames move by up to this many pixels in x and y, at random.
        max_rotation: Training frames turn by up to this many degrees either way, at random.
        max_scale: Training frames grow or shrink by up to this share, at random.
        max_shear: Rows of training frames slide by up to this share of their distance from the middle row.
        flip: Half of the training samples are mirrored, left for right, at random.
        max_roll: Training frames roll by up to this many pixels in x and y, at random.
        max_drop: Of each training sample up to this share of the pixels with events is dropped, at random.
        max_jitter: What a pixel has moves by up to this many timesteps, at random.
        mix: A rectangle of each training sample is another one's, and the loss goes by both labels; the share
            that stays is drawn from Beta(mix, mix). 0 mixes nothing.
        clip_norm: Gradients whose norm over all parameters is larger are scaled down to it; None never.
        precision: `bfloat16` runs convolutions and dense layers in bfloat16, which changes spikes;
            `bfloat16_gradient` only their input gradients, which does not.
        recompute: Keep spikes instead of activations and compute these again in the backward pass: less
            memory, some more time, the same numbers.
        validation_share: Share of the training split that is held out and measured after every epoch.
        patience: Stop after this many epochs without a better validation accuracy; None never stops.
        keep: Whether the network ends with its last weights, or with those of the best validation accuracy.
        average_epochs: The network ends with the mean of its weights after this many last epochs, batch
            norms estimated anew; 0 averages nothing.

    Reference:
        schaefer2023, section III: Adam, warm-up, cosine, MSE on voted rates; izmailov2018 for averaging;
        yun2019 for mixing; gu2021 for dropping.
    """

    epochs: Epochs = 10
    batch_size: Count = 32
    learning_rate: Positive = 1e-3
    warmup_epochs: Epochs = 1
    optimizer: OptimizerPlan = OptimizerPlan()
    update: UpdatePlan | None = None
    logarithmic: LogarithmicPlan | None = None
    weight_decay: NotNegative = 0.0
    l1: NotNegative = 0.0
    loss: Literal["mse_vote", "cross_entropy_rate", "cross_entropy_time", "spike_count"] = "mse_vote"
    rate_weight: NotNegative = 0.0
    rate_target: Rate = 0.5
    label_smoothing: Share = 0.0
    target_rates: Annotated[tuple[Rate, Rate], AfterValidator(_right_above_others)] = (0.8, 0.05)
    max_shift: Pixels = 0
    max_rotation: Degrees = 0.0
    max_scale: Share = 0.0
    max_shear: Share = 0.0
    flip: Flag = False
    max_roll: Pixels = 0
    max_drop: Share = 0.0
    max_jitter: Annotated[
        int, Field(ge=0, le=100, strict=True), Rule("a whole number of timesteps from 0 to 100")
    ] = 0
    mix: NotNegative = 0.0
    clip_norm: Positive | None = None
    precision: Literal["float32", "bfloat16_gradient", "bfloat16"] = "float32"
    recompute: Flag = False
    validation_share: Share = 0.0
    patience: Count | None = None
    keep: Literal["last", "best"] = "last"
    average_epochs: Epochs = 0

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        selects = self.patience is not None or self.keep == "best"
        if selects and not self.validation_share:
            raise ValueError("a validation_share above 0, which patience and keep 'best' go by")
        if selects and self.average_epochs:
            raise ValueError("average_epochs without patience or keep 'best': both choose the final weights")
        return self
