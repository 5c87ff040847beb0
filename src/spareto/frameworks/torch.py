"""Plain modules of torch: pools, norms, containers; a batch norm folds if it keeps its statistics."""

from __future__ import annotations

from typing import Any, Final

from spareto.frameworks._rows import CONTAINER, MOVED, Counted, Framework, Free, Refused, Row

_DIMENSIONS: Final = ("1d", "2d", "3d")
_AVERAGE = Free("a count of spikes on their way; its factor is folded into the next layer's weights")
_LARGEST = Free("an OR of spikes on their way to the next layer")
_DROPPED = Free("absent at inference")
_FUNCTION = Refused("a function of every value that accelerators have no action for")
_LAST = Refused(f"{_FUNCTION.why}; behind the last layer leave it out, for it changes no answer")
_RUNNING = Refused("takes its statistics from the values themselves, at inference too")
_LOSS = Refused("a loss, not a part of inference")


def _norm(module: Any) -> Free | Refused:
    if module.running_mean is None:
        return _RUNNING
    if type(module).__name__.endswith("1d"):
        return Free("folded into each neuron's threshold and bias")
    return Free("folded into each channel's threshold and bias")


def _upsample(module: Any) -> Free | Refused:
    return MOVED if module.mode in ("nearest", "nearest-exact") else _FUNCTION


def _each(row: Row, *names: str) -> dict[str, Row]:
    """One row for the classes of these names; `#` stands for one, two and three dimensions."""
    spelled = [name.replace("#", end) for name in names for end in (_DIMENSIONS if "#" in name else ("",))]
    return dict.fromkeys(spelled, row)


ROWS: Final[dict[str, Row]] = {
    **_each(Counted(), "Linear", "Bilinear", "Conv#", "ConvTranspose#", "Embedding", "EmbeddingBag"),
    **_each(Counted(), "LazyLinear", "LazyConv#", "LazyConvTranspose#", "NonDynamicallyQuantizableLinear"),
    **_each(Counted(), "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "MultiheadAttention"),
    **_each(_norm, "BatchNorm#", "LazyBatchNorm#", "SyncBatchNorm", "InstanceNorm#", "LazyInstanceNorm#"),
    **_each(_RUNNING, "LayerNorm", "GroupNorm", "RMSNorm", "LocalResponseNorm", "CrossMapLRN2d"),
    **_each(_LARGEST, "MaxPool#", "AdaptiveMaxPool#", "FractionalMaxPool2d", "FractionalMaxPool3d"),
    **_each(_AVERAGE, "AvgPool#", "AdaptiveAvgPool#"),
    **_each(_FUNCTION, "LPPool#"),
    **_each(_LAST, "Softmax", "LogSoftmax", "Sigmoid", "LogSigmoid"),
    **_each(_DROPPED, "Dropout", "Dropout#", "AlphaDropout", "FeatureAlphaDropout"),
    **_each(MOVED, "Flatten", "Unflatten", "PixelShuffle", "PixelUnshuffle", "ChannelShuffle", "Unfold"),
    **_each(MOVED, "ZeroPad#", "ConstantPad#", "ReflectionPad#", "ReplicationPad#", "CircularPad#"),
    **_each(MOVED, "MaxUnpool#", "UpsamplingNearest2d"),
    **_each(Free("no operation"), "Identity"),
    **_each(CONTAINER, "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"),
    **_each(Free("a comparison as the value is stored"), "ReLU", "ReLU6", "Hardtanh", "Threshold"),
    **_each(Free("sums of single elements"), "Fold"),
    "Upsample": _upsample,
}

FRAMEWORK: Final = Framework(
    name="PyTorch",
    package="torch",
    shelves={"torch": ROWS},
    rest={
        "torch.nn.modules.activation": _FUNCTION,
        "torch.nn.modules.loss": _LOSS,
        "torch.nn.utils": Free("computes a layer's weight"),
    },
)
