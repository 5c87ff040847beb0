"""What a workload may not say: figures that contradict each other, each named with the one it contradicts.

Counts are means over samples, so they agree up to the rounding of floating-point sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Final

import numpy as np

from spareto.core.errors import Problem

if TYPE_CHECKING:
    from spareto.records.workload import Layer, Product, Tensor, Workload

_ROUNDING: Final = 1e-6
_MOST: Final = 2**60  # operations of one layer: beyond, 64-bit counters overflow


def tensor_problems(tensor: Tensor) -> Iterator[Problem]:
    """Contradictions within one tensor."""
    if tensor.kind == "spike" and tensor.bits != 1:
        yield Problem(".bits", f"{tensor.bits} bits a spike", "1, or kind 'analog'")
    yield from _ordered("nonzero", tensor.nonzero_mean, tensor.nonzero_max)
    yield from _ordered("awake", tensor.awake_mean, tensor.awake_max)
    for name, (mean, largest) in tensor.stored_bits.items():
        yield from _ordered(f"stored_bits.{name}", mean, largest)
    for place, (mean, largest) in enumerate(tensor.awake_windows):
        yield from _ordered(f"awake_windows[{place}]", mean, largest)
    yield from _at_most(".awake_max", tensor.awake_max, tensor.size, "elements")
    yield from _at_most(".awake_mean", tensor.awake_mean, tensor.nonzero_mean, "non-zero elements")
    if tensor.nonzero_per_timestep:
        yield from _same(".nonzero_per_timestep", sum(tensor.nonzero_per_timestep), tensor.nonzero_mean)
        yield from _each_at_most(".nonzero_per_timestep", tensor.nonzero_per_timestep, tensor.size)
    if tensor.nonzero_by_channel:
        total = float(tensor.nonzero_by_channel.array().sum())
        yield from _same(".nonzero_by_channel", total, tensor.nonzero_mean)
    if tensor.awake_windows:
        yield from _same(".awake_windows[0]", tensor.awake_windows[0][0], tensor.nonzero_mean)


def run_problems(tensor: Tensor, timesteps: int, where: str) -> Iterator[Problem]:
    """Contradictions between a tensor and the timesteps it runs for."""
    yield from _at_most(
        f"{where}.nonzero_max",
        tensor.nonzero_max,
        tensor.size * timesteps,
        f"{tensor.size} elements x {timesteps} timesteps",
    )
    for name, given in (
        ("nonzero_per_timestep", len(tensor.nonzero_per_timestep)),
        ("awake_windows", len(tensor.awake_windows)),
    ):
        if given and given != timesteps:
            yield Problem(f"{where}.{name}", f"{given} entries", f"one for each of {timesteps} timesteps")
    if (by_channel := tensor.nonzero_by_channel) and by_channel.shape != (timesteps, tensor.shape[0]):
        rule = f"shape (T, C) = {(timesteps, tensor.shape[0])}"
        yield Problem(f"{where}.nonzero_by_channel", f"shape {by_channel.shape}", rule)


def layer_problems(layer: Layer) -> Iterator[Problem]:
    """Contradictions within one layer; those of its shapes first, for its counts follow from them."""
    found = [*_shapes(layer), *_plane(layer)]
    if not found and layer.dense_synops > _MOST:
        found.append(Problem("", f"{layer.dense_synops:.3g} operations", f"at most {_MOST:.3g}"))
    yield from found or _counts(layer)


def product_problems(product: Product) -> Iterator[Problem]:
    """Contradictions within a product of two activations."""
    repeats, rows, inner, columns = product.repeats, product.rows, product.inner, product.columns
    for name, tensor, shape in (
        ("left", product.left, (repeats, rows, inner)),
        ("right", product.right, (repeats, inner, columns)),
        ("output", product.output, (repeats, rows, columns)),
    ):
        emitted = name == "output" and product.neuron is not None  # neurons may see it in another shape
        if tensor.shape != shape and not emitted:
            yield Problem(f".{name}.shape", str(tensor.shape), str(shape))
        yield from run_problems(tensor, product.timesteps, f".{name}")
    yield from _ordered("effectual", product.effectual_mean, product.effectual_max)
    yield from _at_most(".effectual_max", product.effectual_max, product.dense, "pairs, zeros included")


def workload_problems(workload: Workload) -> Iterator[Problem]:
    """Contradictions between the layers of a network."""
    if not workload.layers:
        yield Problem(".layers", "none", "at least one layer")
    names = [part.name for part in (*workload.layers, *workload.products)]
    for kind, parts in (("layers", workload.layers), ("products", workload.products)):
        for place, part in enumerate(parts):
            where = f".{kind}[{place}]"
            if part.timesteps not in (workload.timesteps, 1):
                rule = f"{workload.timesteps} as the workload has, or 1 for what runs once an inference"
                yield Problem(f"{where}.timesteps", str(part.timesteps), rule)
            if names.index(part.name) != (place if kind == "layers" else place + len(workload.layers)):
                yield Problem(f"{where}.name", f"'{part.name}' a second time", "different names")
    yield from _shared(workload.layers)


def _shared(layers: Sequence[Layer]) -> Iterator[Problem]:
    """Weights taken over from layers that do not come before, or hold others."""
    before: dict[str, Layer] = {}
    for place, layer in enumerate(layers):
        if layer.shares is not None:
            owner = before.get(layer.shares)
            if owner is None:
                yield Problem(f".layers[{place}].shares", repr(layer.shares), "the name of an earlier layer")
            elif owner.weight_mask != layer.weight_mask or owner.weight_bits != layer.weight_bits:
                got = f"other weights than '{layer.shares}'"
                yield Problem(f".layers[{place}].shares", got, "the same mask and width")
        before.setdefault(layer.name, layer)


def _shapes(layer: Layer) -> Iterator[Problem]:
    for name, channels in (("in_channels", layer.in_channels), ("out_channels", layer.out_channels)):
        if channels % layer.groups:
            yield Problem(f".{name}", str(channels), f"a multiple of the {layer.groups} groups")
    expected = (layer.out_channels, layer.in_channels // layer.groups, *layer.kernel)
    if layer.weight_mask.shape != expected:
        rule = f"a weight mask of shape (M, C / groups, R, S) = {expected}"
        yield Problem(".weight_mask", f"shape {layer.weight_mask.shape}", rule)
    own_output = layer.own_plane is None
    channels = (layer.input.shape[0], layer.output.shape[0] if own_output else layer.out_channels)
    if channels != (layer.in_channels, layer.out_channels):
        rule = (
            f"input.shape[0] equal to in_channels, {layer.in_channels}, and output.shape[0] equal to "
            f"out_channels, {layer.out_channels}"
        )
        yield Problem("", f"{channels[0]} and {channels[1]} channels", rule)
    if layer.reaching and layer.reaching.shape != (layer.in_channels, *layer.kernel):
        rule = f"reaching of shape (C, R, S) = {(layer.in_channels, *layer.kernel)}"
        yield Problem(".reaching", f"shape {layer.reaching.shape}", rule)
    if layer.neuron and layer.neuron.count != layer.output.size:
        rule = f"as many as the output has elements, {layer.output.size}"
        yield Problem(".neuron.count", f"{layer.neuron.count} neurons", rule)
    if layer.kind == "linear" and layer.kernel != (1, 1):
        yield Problem(".kernel", str(layer.kernel), "(1, 1) for a linear layer")


def _plane(layer: Layer) -> Iterator[Problem]:
    """The output plane follows from input, kernel, stride and padding."""
    sizes = zip(layer.input.shape[1:], layer.kernel, layer.stride, layer.padding, strict=True)
    given = tuple((size + 2 * pad - kernel) // stride + 1 for size, kernel, stride, pad in sizes)
    if given != layer.plane:
        where = ".own_plane" if layer.own_plane else ".output.shape"
        rule = (
            f"{given[0]} x {given[1]}, from an input of {layer.input.shape[1]} x {layer.input.shape[2]}, "
            f"kernel {layer.kernel}, stride {layer.stride}, padding {layer.padding}"
        )
        yield Problem(where, f"a plane of {layer.plane[0]} x {layer.plane[1]}", rule)


def _counts(layer: Layer) -> Iterator[Problem]:
    yield from run_problems(layer.input, layer.timesteps, ".input")
    yield from run_problems(layer.output, layer.timesteps, ".output")
    if layer.source:
        yield from run_problems(layer.source, layer.timesteps, ".source")
    for name in ("effectual_synops", "reached_synops", "touched_updates"):
        yield from _ordered(name, getattr(layer, f"{name}_mean"), getattr(layer, f"{name}_max"))
    yield from _operations(layer)
    yield from _touched(layer)
    yield from _reaching(layer)


def _operations(layer: Layer) -> Iterator[Problem]:
    """Effectual operations are some of the reached ones, and these some of those of the dense layer."""
    mask = layer.weight_mask.array()
    vertical, horizontal = layer.taps_met()
    live = int(np.einsum("mcrs,r,s->", mask.astype(np.int64), vertical, horizontal)) * layer.timesteps
    dense, fan_out = layer.dense_synops_inside, prod((layer.out_channels // layer.groups, *layer.kernel))
    for statistic in ("mean", "max"):
        effectual, reached = layer.effectual_synops(statistic), layer.reached_synops(statistic)
        nonzero = layer.input.nonzero(statistic)
        where, other = f".effectual_synops_{statistic}", f".reached_synops_{statistic}"
        yield from _at_most(where, effectual, live, f"of the dense layer's {dense} that meet a live weight")
        yield from _at_most(where, effectual, nonzero * fan_out, f"{nonzero:.12g} inputs x {fan_out} weights")
        yield from _at_most(other, reached, dense, "of the dense layer")
        yield from _at_most(other, reached, nonzero * fan_out, f"{nonzero:.12g} inputs x {fan_out} weights")
        if reached is not None:
            yield from _at_most(where, effectual, reached, "that are reached")


def _touched(layer: Layer) -> Iterator[Problem]:
    outputs = layer.out_channels * prod(layer.plane) * layer.timesteps
    once = not any(layer.input.nonzero_per_timestep[1:])  # its result may be taken in all timesteps
    for statistic in ("mean", "max"):
        touched, where = layer.touched_updates(statistic), f".touched_updates_{statistic}"
        yield from _at_most(where, touched, outputs, "outputs, all timesteps")
        if layer.bias_bits is None:  # a bias touches outputs without any operation
            effectual = layer.effectual_synops(statistic) * (layer.timesteps if once else 1)
            what = f"effectual operations x {layer.timesteps} timesteps" if once else "effectual operations"
            yield from _at_most(where, touched, effectual, what)


def _reaching(layer: Layer) -> Iterator[Problem]:
    """Inputs that meet each place of the kernel, times the weights there, are the operations."""
    if layer.reaching is None:
        return
    met = layer.reaching.array().reshape(layer.groups, -1, *layer.kernel)
    live = layer.weight_mask.array().reshape(layer.groups, -1, met.shape[1], *layer.kernel)
    effectual = float((live.sum(axis=1) * met).sum())
    yield from _same(".reaching", effectual, layer.effectual_synops_mean, "effectual operations")
    if layer.reached_synops_mean is not None:
        reached = float(met.sum()) * live.shape[1]
        yield from _same(".reaching", reached, layer.reached_synops_mean, "reached operations")


def _ordered(name: str, mean: float | None, largest: float | None) -> Iterator[Problem]:
    if (mean is None) != (largest is None):
        yield Problem(f".{name}_mean", f"{mean} beside a maximum of {largest}", "both or none")
    elif mean is not None and largest is not None and largest < mean * (1 - _ROUNDING):
        where = f".{name}_max" if name.isidentifier() else f".{name}"
        yield Problem(where, f"a maximum of {largest:.12g}", f"at least the mean, {mean:.12g}")


def _at_most(where: str, given: float | None, most: float, of_what: str) -> Iterator[Problem]:
    if given is not None and given > most * (1 + _ROUNDING) + 1e-9:
        yield Problem(where, f"{given:.12g}", f"at most {most:.12g} ({of_what})")


def _each_at_most(where: str, given: Sequence[float], most: float) -> Iterator[Problem]:
    for place, each in enumerate(given):
        yield from _at_most(f"{where}[{place}]", each, most, "elements")


def _same(where: str, total: float, expected: float, of_what: str = "non-zero elements") -> Iterator[Problem]:
    if abs(total - expected) > _ROUNDING * max(total, expected) + 1e-9:
        yield Problem(where, f"a sum of {total:.12g}", f"{expected:.12g}, the mean of {of_what}")
