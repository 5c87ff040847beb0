"""Ready-made recipes: the four regimes of the study with its hyper-parameters.

Every argument of a `Recipe` or its `TrainingPlan` can be changed afterwards with `replace`, which checks
the new value: `recipe.replace(training=recipe.training.replace(batch_size=64))`. Studies set their own
training plan.

Reference:
    schaefer2023, section III: Adam, learning rate 1e-4 for one technique alone and 1e-3 for two, warm-up 5
    and 2 epochs, cosine decay, 50 epochs, batch 16, MSE; quantization starts at epoch 25 when cumulative,
    with a warm-up and cosine of its own; masks are fixed at the start, by the global magnitude of the trained
    weights. Its dropout of 0.5 is an option of the network. It quantizes by `duq` and rounds by `ewgs`; the
    default here is `learned_clip`, for the reason given in ARCHITECTURE.md.
"""

from __future__ import annotations

from spareto.records import (
    EpitomeStep,
    LayerFilter,
    MembranePlan,
    OptimizerPlan,
    PruneStep,
    QuantizeStep,
    Recipe,
    TrainingPlan,
)

_ISOLATED = TrainingPlan(epochs=50, batch_size=16, learning_rate=1e-4, warmup_epochs=5)
_COMBINED = TrainingPlan(epochs=50, batch_size=16, learning_rate=1e-3, warmup_epochs=2)
PRUNED_STORAGE_BITS = 8  # the study stores and costs networks that are only pruned at 8 bits


def dense() -> Recipe:
    """The trained network as it is: float weights, no further training."""
    return Recipe(training=TrainingPlan(epochs=0))


def quantize(bits: int, quantizer: str = "learned_clip", rounding: str = "straight_through") -> Recipe:
    """Isolated quantization.

    Args:
        bits: Width of a weight, 1..16; 2 is ternary.
        quantizer: Name of the quantizer.
        rounding: Name of the gradient that passes through the rounding.
    """
    step = QuantizeStep(bits=bits, quantizer=quantizer, rounding=rounding)
    return Recipe(steps=(step,), training=_ISOLATED)


def prune(sparsity: float, pruner: str = "magnitude", storage_bits: int = PRUNED_STORAGE_BITS) -> Recipe:
    """Isolated pruning; the surviving weights are rounded to `storage_bits` after training.

    Args:
        sparsity: Share of weights to remove, 0..1.
        pruner: Name of the pruner.
        storage_bits: Width of a stored weight; 32 keeps floats.
    """
    step = PruneStep(sparsity=sparsity, pruner=pruner)
    return Recipe(steps=(step,), storage_bits=storage_bits, training=_ISOLATED)


def cumulative(
    bits: int,
    sparsity: float,
    quantizer: str = "learned_clip",
    pruner: str = "magnitude",
    rounding: str = "straight_through",
) -> Recipe:
    """Prune and fine-tune, then quantize from the middle of the training; arguments as above."""
    steps = (
        PruneStep(sparsity=sparsity, pruner=pruner),
        QuantizeStep(bits=bits, quantizer=quantizer, rounding=rounding, start=0.5),
    )
    return Recipe(steps=steps, training=_COMBINED)


def joint(
    bits: int,
    sparsity: float,
    quantizer: str = "learned_clip",
    pruner: str = "magnitude",
    rounding: str = "straight_through",
) -> Recipe:
    """Prune and quantize together from the start; arguments as above."""
    steps = (
        PruneStep(sparsity=sparsity, pruner=pruner),
        QuantizeStep(bits=bits, quantizer=quantizer, rounding=rounding),
    )
    return Recipe(steps=steps, training=_COMBINED)


def q_snn(membrane_bits: int = 2, *, code: bool = False, balanced: bool = True) -> Recipe:
    """Q-SNN: binary hidden weights, 8 bit at both ends, membranes of a few bits, and rates drawn to 0.5.

    Args:
        membrane_bits: Width of a stored membrane; the paper has 2, 4 and 8.
        code: As its authors' code has it, not the paper: mean and deviation per channel, scales that are
            powers of two, the gradient `tanh`, `tanh` before membranes are stored, their range that of each
            batch, and 5e-3 as weight of the rates. Answers then depend on the batch.
        balanced: Without it no weight is standardized and no rate drawn anywhere: the ablation of WS-DR.

    Reference:
        wei2024. The range of a membrane is learned where the paper takes the layer's maximum. Trained by SGD
        with a learning rate of 0.1 and a cosine. Batch norms have to follow the weights.
    """
    options = {"statistics": "per_channel", "power_of_two": True, "gradient": "tanh"}
    signs = options if code else {"statistics": "per_tensor"}
    step = QuantizeStep(
        quantizer="standardized_sign" if balanced else "sign",
        bits=1,
        granularity="per_channel",
        options=signs if balanced else {},
        end_bits=8,
        membrane=MembranePlan(
            bits=membrane_bits, range="batch" if code else "learned", squash="tanh" if code else "none"
        ),
    )
    training = TrainingPlan(
        epochs=300,
        batch_size=256,
        optimizer=OptimizerPlan(name="sgd", options={"momentum": 0.9}),
        learning_rate=0.1,
        warmup_epochs=0,
        weight_decay=1e-4,
        loss="cross_entropy_time",
        rate_weight=(5e-3 if code else 1e-3) if balanced else 0.0,
    )
    return Recipe(steps=(step,), training=training)


def differentiable(bits: int, temperature: float = 10.0, derivative: str = "true") -> Recipe:
    """The differentiable quantization function, from trained weights; first and last layer stay as they are.

    Args:
        bits: Width of a weight, 1..5; 1 is binary, 2 ternary.
        temperature: That of the first epoch.
        derivative: `true`, or `code`, that of the authors of its parent method.

    Reference:
        shymyrbay2023; yang2019 for the method and its training by SGD, with gradients clipped at 5.
    """
    options = {"temperature": temperature, "derivative": derivative}
    step = QuantizeStep(quantizer="differentiable", bits=bits, options=options)
    training = TrainingPlan(
        epochs=55,
        batch_size=64,
        optimizer=OptimizerPlan(name="sgd", options={"momentum": 0.9}),
        learning_rate=1e-3,
        warmup_epochs=0,
        clip_norm=5.0,
    )
    return Recipe(layers=LayerFilter(first=False, last=False), steps=(step,), training=training)


def epitome(rows: int | None, columns: int | None, bits: int | None = None) -> Recipe:
    """Weights assembled from epitomes, for crossbars, and quantized with one scale per array.

    Args:
        rows: Most rows of an epitome: input channels times kernel; None for no limit.
        columns: Most columns: output channels; None for no limit.
        bits: Width of a stored number; None keeps floats.
    """
    made = (EpitomeStep(rows=rows, columns=columns),)
    quantized = () if bits is None else (QuantizeStep(bits=bits, quantizer="crossbar_tile"),)
    return Recipe(steps=(*made, *quantized), training=_COMBINED if quantized else _ISOLATED)
