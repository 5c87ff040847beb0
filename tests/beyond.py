"""Each kernel on more than 2^31 values: `python tests/beyond.py`; see `huge.py`.

The first part and the last must be what the kernel gives for these two alone. Ends with status 1 if not.
"""

import os
import sys
import time
import traceback

import torch

from huge import BEYOND, ends, fill, tensor
from replay.shapes import coefficients
from spareto.kernels import c_layers, c_neurons, workspace
from spareto.kernels.c_layers import BlockShape, ConvShape, Gradient, padded, words


class Small:
    """Draws nothing at random: coefficients of a plain neuron."""

    def randint(self, low, high):
        return high


def k():
    torch.manual_seed(0)
    return coefficients(Small())


def random(*shape):
    return torch.randn(2, *shape)


def bits_of(*shape):
    """Two parts of packed spikes, few of them, `(2, images, pixels, words)`."""
    return torch.randint(-(2**63), 2**63 - 1, (2, *shape)) & torch.randint(-(2**63), 2**63 - 1, (2, *shape))


def neurons():
    part = 1 << 20
    for timesteps in (1, 3):
        size = part * (BEYOND // part // timesteps + 2)
        x, spikes, g, gx = (tensor(timesteps, size, part=part, planes=timesteps) for _ in range(4))
        for step in range(timesteps):
            fill(x[step], part, random(part)), fill(g[step], part, random(part))
        small_x, small_g = (torch.stack([ends(row, part) for row in one]) for one in (x, g))
        c_neurons.forward(x, spikes, k(), None, None, 0)
        expected = torch.empty_like(small_x)
        c_neurons.forward(small_x, expected, k(), None, None, 0)
        yield f"neuron forward, T = {timesteps}", torch.stack([ends(row, part) for row in spikes]), expected
        c_neurons.backward(x, g, gx, k(), None, None, None, None, 0, 0)
        small = torch.empty_like(small_x)
        c_neurons.backward(small_x, small_g, small, k(), None, None, None, None, 0, 0)
        yield f"neuron backward, T = {timesteps}", torch.stack([ends(row, part) for row in gx]), small


def packing():
    for channels, pixels, part in ((64, 1, 1 << 14), (64, 4096, 4)):
        images = part * (BEYOND // (part * channels * pixels) + 2)
        x = tensor(images, channels, pixels, part=part)
        fill(x, part, (random(part, channels, pixels) > 1).float())
        bits, spikes = c_layers.pack(x, channels, pixels)
        small, _ = c_layers.pack(ends(x, part), channels, pixels)
        yield f"pack {pixels} pixels", ends(bits, part), small
        assert spikes
        x[-1, -1, -1] = 0.5
        assert not c_layers.pack(x, channels, pixels)[1], "what is no spike, at the end"
        each = [c_layers.count(one.contiguous()) for one in (bits[:part], bits[-part:])]
        yield (
            "count",
            torch.tensor(c_layers.count(bits)),
            torch.tensor(each[0] * (images // part - 1) + each[1]),
        )
        x[-1, -1, -1] = float("inf")
        assert not c_layers.finite(x)
        with borrowed(tensor(images, 1, pixels, channels, part=part)):
            made = c_layers.unpack(bits, channels)
            yield f"unpack {pixels} pixels", ends(made, part), c_layers.unpack(ends(bits, part), channels)


class borrowed:  # noqa: N801 - reads as what it is
    """Give the next large temporary tensor this memory."""

    def __init__(self, memory):
        self.memory, self.own = memory, workspace.empty

    def __enter__(self):
        def empty(*shape, dtype=torch.float32):
            if torch.Size(shape).numel() == self.memory.numel() and dtype == self.memory.dtype:
                return self.memory.view(shape)
            return self.own(*shape, dtype=dtype)

        workspace.empty = empty

    def __exit__(self, *_):
        workspace.empty = self.own


def sums():
    channels, part = 16, 1 << 14
    rows = part * (BEYOND // (part * channels) + 2)
    y, dz = (fill(tensor(rows, channels, part=part), part, random(part, channels)) for _ in range(2))
    parts = rows // part - 1

    def added(run, *arrays):
        first, last = (
            run(*(one[place].contiguous() for one in arrays)) for place in (slice(part), slice(-part, None))
        )
        return first * parts + last

    yield "channel sums", c_layers.channel_sums(y), added(c_layers.channel_sums, y)
    yield "product sums", c_layers.product_sums(dz, y), added(c_layers.product_sums, dz, y)
    a, b = torch.randn(2, channels)
    with borrowed(tensor(rows, channels, part=part)):
        z = c_layers.affine_sum(y, a, b, dz)
        yield "affine sum", ends(z, part), c_layers.affine_sum(ends(y, part), a, b, ends(dz, part))
    # written in place, once a repetition of the first part: with factors of 1 and 0 nothing moves
    one, none, small = torch.ones(channels), torch.zeros(channels), ends(dz, part)
    written = Gradient(dz, y, one, none, none).written()
    yield "affine gradient", ends(written, part), small


def dense():
    pixels, channels, outputs, part = 16, 1024, 10, 256
    images = part * (BEYOND // (part * pixels * channels) + 2)
    bits = tensor(images, pixels, words(channels), part=part, dtype=torch.int64)
    small = ends(fill(bits, part, bits_of(part, pixels, words(channels))), part)
    weight = torch.randn(outputs, pixels * channels)
    found = c_layers.dense_forward(bits, weight, channels)
    yield "dense forward", ends(found, part), c_layers.dense_forward(small, weight, channels)
    dy = torch.randn(images, padded(outputs))
    dy[part:] = 0
    dy[-part:] = torch.randn(part, padded(outputs))
    found = c_layers.dense_weight_gradient(bits, dy, weight, channels)
    expected = c_layers.dense_weight_gradient(small, ends(dy, part), weight, channels)
    yield "dense weight gradient", found, expected


def convolutions():
    for side, kernel, stride, outputs, part in ((64, 3, 8, 16, 4), (64, 1, 1, 64, 4)):
        channels, out = 64, (side + 2 * (kernel // 2) - kernel) // stride + 1
        images = part * (BEYOND // (part * side * side * channels) + 2)
        sizes = (
            side,
            side,
            channels,
            out,
            out,
            outputs,
            kernel,
            kernel,
            stride,
            stride,
            kernel // 2,
            kernel // 2,
        )
        whole, both = ConvShape(images, *sizes), ConvShape(2 * part, *sizes)
        bits = tensor(images, side * side, 1, part=part, dtype=torch.int64)
        small = ends(fill(bits, part, bits_of(part, side * side, 1)), part)
        weight, events, own = (
            torch.randn(outputs, channels, kernel, kernel),
            *map(c_layers.count, (bits, small)),
        )
        with borrowed(tensor(images, out, out, outputs, part=part)):
            y, _ = c_layers.conv_forward(bits, weight, whole, events)
        expected, _ = c_layers.conv_forward(small, weight, both, own)
        yield f"conv {kernel} forward", ends(y, part), expected
        dz = tensor(images, out, out, outputs, part=part)
        fill(dz, part, random(part, out, out, outputs))[:part] = 0  # else it counts once a repetition
        found = c_layers.conv_weight_gradient(bits, Gradient(dz), weight, whole, events)
        expected = c_layers.conv_weight_gradient(small, Gradient(ends(dz, part)), weight, both, own)
        yield f"conv {kernel} weight gradient", found, expected


def blocks():
    side, channels, part = 64, 64, 4
    batch = part * (BEYOND // (part * side * side * channels) + 2)
    y, g, dz = (tensor(batch, side, side, channels, part=part) for _ in range(3))
    fill(y, part, random(part, side, side, channels)), fill(g, part, random(part, side, side, channels))
    a, b = torch.rand(2, channels)

    def shape(count):
        return BlockShape(1, count, side, side, channels, channels, 1, 1)

    small = ends(y, part)
    bits = c_layers.block_forward(y, a, b, k(), shape(batch), 0)
    yield "block forward", ends(bits, part), c_layers.block_forward(small, a, b, k(), shape(2 * part), 0)
    with borrowed(dz):
        made, *_ = c_layers.block_backward(y, a, b, k(), g, shape(batch), 0, 0, False)
    expected, *_ = c_layers.block_backward(small, a, b, k(), ends(g, part), shape(2 * part), 0, 0, False)
    yield "block backward", ends(made, part), expected


def wrong_in(group):
    """How many results of a group of kernels are wrong."""
    torch.manual_seed(0)
    began, wrong = time.process_time(), 0
    for name, found, expected in group():
        nearly = {"rtol": 1e-5, "atol": 1.0 if "sums" in name else 1e-3}
        same = torch.allclose(found.double(), expected.double().view(found.shape), **nearly)
        wrong += not same
        print(f"{name}: {'right' if same else 'WRONG'}", flush=True)
    print(f"  {time.process_time() - began:.0f} s of processor time", flush=True)
    return wrong


def main():
    status = 0
    for group in (neurons, packing, sums, dense, convolutions, blocks):
        child = os.fork()  # its memory goes with it
        if child == 0:
            try:
                os._exit(bool(wrong_in(group)))
            except BaseException:
                traceback.print_exc()
                os._exit(2)
        status |= os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status


if __name__ == "__main__":
    sys.exit(main())
