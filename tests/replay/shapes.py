"""Random shapes for every kernel: odd ones, zero-sized ones, and huge ones that must be refused."""

import ctypes
import math
import random
from contextlib import suppress

import numpy as np
import torch

from spareto.core.errors import ConfigError
from spareto.kernels import banded, c_layers, c_neurons, c_pooling, local, trains
from spareto.kernels.c_layers import BlockShape, ConvShape, Gradient, NotFinite, padded, words
from spareto.kernels.dynamics import COEFFICIENTS
from spareto.kernels.normalizing import Affine, FiringConstants, LayerConstants
from spareto.kernels.streaming import stream
from spareto.kernels.sums import ConvSums, DenseSums
from spareto.plasticity.constants import constants
from spareto.records.plasticity import PlasticityPlan

HUGE = 2**31 - 1


def run(count, seed=0):
    """About `count` calls of kernels on shapes drawn from a seed."""
    pick = random.Random(seed)
    before = torch.get_num_threads()
    try:
        for number in range(count // 4):
            torch.manual_seed(seed * 1000 + number)
            torch.set_num_threads(pick.choice([1, 1, 2, 3]))
            with suppress(NotFinite):
                pick.choice(
                    (
                        convolution,
                        convolution,
                        dense,
                        streamed,
                        pooling,
                        block,
                        neuron,
                        packing,
                        spike_trains,
                        local_learning,
                        banded_systems,
                        huge,
                    )
                )(pick)
    finally:
        torch.set_num_threads(before)


def size(pick, most):
    """A size, often 1 or 0."""
    return pick.choice([0, 1, 1, 2, 3, pick.randint(1, most), pick.randint(1, most)])


def bits(pick, images, pixels, channels):
    """Packed spikes with no bit beyond the channels."""
    found = (torch.rand(images, pixels, words(channels) * 64) < pick.choice([0.0, 0.02, 0.3, 1.0])).long()
    found[..., channels:] = 0
    packed = (found.view(images, pixels, words(channels), 64) << torch.arange(64)).sum(-1)
    return packed.contiguous()


def values(pick, *shape):
    """Random numbers, sometimes one that is not finite."""
    drawn = torch.randn(*shape)
    if drawn.numel() and pick.random() < 0.1:
        drawn.view(-1)[pick.randrange(drawn.numel())] = pick.choice([float("nan"), float("inf")])
    return drawn


def convolution(pick):
    groups = pick.choice([1, 1, 1, 2, 3])
    inputs, outputs = groups * size(pick, 40), groups * size(pick, 40)
    kernel, stride, dilation = ([pick.randint(1, most) for _ in range(2)] for most in (5, 3, 3))
    padding = [pick.randint(0, 4) for _ in range(2)]
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    sides = [size(pick, 12) for _ in range(2)]
    out = [max(0, (n + 2 * p - k) // t + 1)
           for n, p, k, t in zip(sides, padding, spans, stride, strict=True)]  # fmt: skip
    if pick.random() < 0.2 and inputs:
        groups, outputs = inputs, inputs * pick.randint(1, 3)
    s = ConvShape(
        *(size(pick, 4), *sides, inputs, *out, padded(outputs), *kernel),
        *(*stride, *padding, *dilation, groups),
    )
    spikes, weight = bits(pick, s.N, s.H * s.W, s.C), values(pick, outputs, inputs // groups, *kernel)
    with suppress(NotFinite):
        c_layers.conv_forward(spikes, weight, s, c_layers.count(spikes))
    dz, y = torch.randn(2, s.N, s.OH, s.OW, s.OC)
    factors = [values(pick, s.OC) for _ in range(3)]
    gradient = Gradient(dz, y, *factors) if pick.random() < 0.5 else Gradient(dz)
    with suppress(NotFinite):
        c_layers.conv_weight_gradient(spikes, gradient, weight, s, c_layers.count(spikes))
    usual = kernel == [3, 3] and stride == [1, 1] and dilation == [1, 1] and groups == 1 and max(padding) <= 2
    if usual:
        c_layers.conv_input_gradient(gradient, weight, s)


def dense(pick):
    images, pixels, channels = size(pick, 300), size(pick, 12), size(pick, 130)
    outputs = size(pick, 150)
    spikes, weight = bits(pick, images, pixels, channels), values(pick, outputs, pixels * channels)
    with suppress(NotFinite):
        c_layers.dense_forward(spikes, weight, channels)
    dy = values(pick, images, padded(outputs))
    with suppress(NotFinite):
        c_layers.dense_weight_gradient(spikes, dy, weight, channels)
    c_layers.dense_input_gradient(dy, weight)


def streamed(pick):
    """Sums and neurons in one pass, pooled and not."""
    outputs, inputs, window = size(pick, 70), size(pick, 70), pick.choice([(1, 1), (2, 2), (3, 1)])
    time, batch = size(pick, 40), size(pick, 4)
    kernel, stride, padding = [pick.randint(1, 3) for _ in range(2)], pick.randint(1, 2), pick.randint(0, 2)
    sides = [size(pick, 20) for _ in range(2)]
    out = [max(0, (n + 2 * padding - k) // stride + 1) for n, k in zip(sides, kernel, strict=True)]
    places = *kernel, stride, stride, padding, padding
    s = ConvShape(time * batch, *sides, inputs, *out, padded(outputs), *places)
    f = BlockShape(time, batch, *out, s.OC, outputs, *window, *pick.choice([(1, 1), (2, 1)]))
    flags = pick.choice([0, 1, 2, 4, 8, 15, 128])
    a, b, k = torch.rand(s.OC), torch.rand(s.OC), coefficients(pick)
    spikes = bits(pick, s.N, math.prod(sides), inputs)
    firing = FiringConstants(f, flags, 0, None, False)
    layer = LayerConstants(ConvSums(s, c_layers.count(spikes)), firing, False)
    norm = Affine(a, b, a, a)
    stream(layer, spikes, values(pick, outputs, inputs, *kernel), norm, k)
    f = BlockShape(time, batch, 1, 1, s.OC, outputs, 1, 1)
    spikes = bits(pick, s.N, math.prod(sides), inputs)
    layer = LayerConstants(DenseSums(inputs, tuple(sides)), FiringConstants(f, flags, 0, None, False), False)
    stream(layer, spikes, values(pick, outputs, inputs * math.prod(sides)), norm, k)


def pooling(pick):
    """Windows that may be larger than what is pooled, and a convolution behind which sums are pooled."""
    ranges = (1, 5), (1, 2), (0, 3)
    kernel, stride, padding = ([pick.randint(low, most) for _ in range(2)] for low, most in ranges)
    inputs, outputs, images = size(pick, 40), size(pick, 40), size(pick, 4)
    sides = [size(pick, 12) for _ in range(2)]
    out = [max(0, (n + 2 * p - k) // t + 1)
           for n, p, k, t in zip(sides, padding, kernel, stride, strict=True)]  # fmt: skip
    s = ConvShape(images, *sides, inputs, *out, padded(outputs), *kernel, *stride, *padding)
    window = (pick.randint(1, 3), pick.randint(1, 3))
    channels = pick.choice([s.OC, max(outputs, 1)])
    behind = s.N, s.OH // window[0], s.OW // window[1], channels
    z, places = torch.empty(behind), torch.empty(behind, dtype=torch.uint8)
    c_pooling.max_pool(values(pick, s.N, s.OH, s.OW, channels), window, z, places)
    c_pooling.max_pool_gradient(torch.randn(behind), places, (s.N, s.OH, s.OW, channels), window)
    weight = values(pick, outputs, inputs, *kernel)
    spikes = bits(pick, s.N, math.prod(sides), inputs)
    c_pooling.pooled_weight_gradient(spikes, torch.randn(behind), places, weight, s, window)
    with suppress(NotFinite):
        c_pooling.pooled_input_gradient(torch.randn(behind), places, weight, s, window)
        c_pooling.pooled_sums(spikes, weight, s, window, spikes.numel())


def coefficients(pick):
    k = torch.rand(len(COEFFICIENTS))
    for name in ("delayed_keep", "keep"):
        k[COEFFICIENTS.index(name)] = pick.randint(0, 1)
    return k


def block(pick):
    channels, pool, mean = size(pick, 70), pick.randint(1, 3), pick.randint(1, 2)
    window = pick.choice([(pool, pool, 1, 1), (1, 1, mean, pick.randint(1, 3)), (1, 2, 1, 1)])
    s = BlockShape(
        *(size(pick, 5), size(pick, 3), size(pick, 9), size(pick, 9)),
        *(padded(channels), channels, *window),
    )
    y = values(pick, s.T * s.B, s.H, s.W, s.C)
    a, b, k, flags = (
        torch.rand(s.C),
        torch.rand(s.C),
        coefficients(pick),
        pick.randrange(64) + pick.choice([0, 128]),
    )
    c_layers.block_forward(y, a, b, k, s, flags)
    g = torch.randn(*s.pooled, channels)
    c_layers.block_backward(y, a, b, k, g, s, flags, pick.randrange(6), pick.random() < 0.5)


def neuron(pick):
    x, k, flags = (
        values(pick, size(pick, 9), size(pick, 5000)),
        coefficients(pick),
        pick.randrange(64) + pick.choice([0, 128]),
    )
    parts = 1 + bool(flags & 1) + bool(flags & 2) + bool(flags & 4)
    there = x.shape[1] > 0  # an empty state has no address
    state = torch.randn(parts, x.shape[1]) if there and pick.random() < 0.5 else None
    last = torch.empty(parts, x.shape[1]) if there and pick.random() < 0.5 else None
    c_neurons.forward(x, torch.empty_like(x), k, state, last, flags)
    gk = torch.zeros(len(COEFFICIENTS), dtype=torch.float64) if flags & 32 else None
    c_neurons.backward(
        *(x, torch.randn_like(x), torch.empty_like(x), k, gk, state),
        *(None if last is None else torch.randn_like(last), None if state is None else state.clone()),
        *(flags, pick.randrange(6)),
    )


def packing(pick):
    images, channels, pixels = size(pick, 9), size(pick, 140), size(pick, 70)
    x = (torch.rand(images, channels, pixels) < 0.3).float()
    if pick.random() < 0.2:
        x = values(pick, images, channels, pixels)
    packed, _ = c_layers.pack(x.contiguous(), channels, pixels)
    c_layers.unpack(packed, channels)
    c_layers.count(packed)
    c_layers.finite(x)
    y, dz = torch.randn(2, images, pixels, padded(channels))
    if channels:
        c_layers.channel_sums(y)
        c_layers.product_sums(dz, y)
        factors = [torch.randn(padded(channels)) for _ in range(3)]
        c_layers.affine_sum(y, *factors[:2], torch.randn(images, pixels, channels))
        Gradient(dz, y, *factors).written()


def spike_trains(pick):
    """Trains of any size, and the outputs that they reach through any taps."""
    time, samples, elements = pick.randint(1, 9), size(pick, 5), size(pick, 200)
    packed, _ = trains.pack((torch.rand(time * samples, elements) < 0.1).float())
    words_of = packed.reshape(time, samples, packed.shape[-1])
    trains.gaps(words_of, elements, max(1, (time * elements).bit_length()))
    trains.add_places(np.ones((len(words_of), elements), np.int64), words_of)
    trains.windows(words_of)
    deep = size(pick, 150)
    trains.rows(bits(pick, size(pick, 4), size(pick, 150), deep), deep)
    trains.Effects(np.ones((elements, 2))).sums(words_of)
    channels, *plane = size(pick, 5), size(pick, 9), size(pick, 9)
    pairs = [
        [pick.randint(low, high) for _ in range(2)] for low, high in ((0, 9), (1, 4), (1, 3), (0, 3), (1, 3))
    ]
    spread = trains.Spread((channels, *plane), *map(tuple, pairs), pick.random() < 0.5)
    classes, outputs = pick.randint(1, 3), pick.randint(1, 3)
    masks = np.random.default_rng(0).integers(0, 1 << 60, (classes, *pairs[1], outputs)).astype(np.uint64)
    class_of, weights = np.arange(channels) % classes, np.ones(64 * outputs, np.int64)
    x = (torch.rand(size(pick, 6), channels * plane[0] * plane[1]) < 0.2).float()
    trains.reached(trains.pack(x)[0], masks, class_of, weights, spread)


def local_learning(pick):
    """Samples of any size, inputs and neurons of any number."""
    duration, window = pick.choice([(6, 0), (6, 3), (1, 1), (9, 9)])
    learning = {"window_ms": window, "depresses": pick.choice(["silent", "active"])}
    plan = {
        "coding": {"duration_ms": duration, "size": None},
        "learning": learning,
        "inhibition": {"kind": pick.choice(["population", "lateral"])},
        "fixed_point": pick.choice([None, {}]),
        "excitatory": {"threshold_mv": pick.choice([-52.0, -64.5]), "one_spike": pick.random() < 0.5},
    }
    inputs, neurons, samples = size(pick, 40), size(pick, 40), size(pick, 4)
    c = constants(PlasticityPlan.parse(plan, "plan"), inputs, neurons)
    limits = torch.randint(-(2**31), 2**31 - 1, (samples, inputs), dtype=torch.int32)
    keys = torch.randint(-(2**31), 2**31 - 1, (samples, 2), dtype=torch.int32)
    weight, theta = torch.rand(inputs, neurons), torch.rand(neurons)
    local.run(limits, keys, weight, theta, c.k, c.shape, learns=pick.random() < 0.5, threads=2)


def banded_systems(pick):
    """Systems of any size, most of them without a solution."""
    count, time, block = size(pick, 4), size(pick, 6), size(pick, 7)
    far = torch.randn(count, max(time - 2, 0), block, block, dtype=torch.float64)
    sub = torch.randn(count, max(time - 1, 0), block, block, dtype=torch.float64)
    diag = torch.randn(count, time, block, block, dtype=torch.float64)
    diag = diag @ diag.mT + pick.choice([0, 9, 99]) * torch.eye(block, dtype=torch.float64)
    x = torch.randn(count, time, block, dtype=torch.float64)
    failed = banded.solve(diag, sub, far if pick.random() < 0.5 else None, x, ready=False)
    if (failed < 0).all():
        banded.solve(diag, sub, None, x, ready=True)


def huge(pick):
    """Sizes nobody has memory for, and some that are none, on memory of a few bytes: refused unread."""
    at = torch.zeros(64, dtype=torch.float64)
    usual = [1, 4, 4, 3, 4, 4, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1]
    for place in pick.sample(range(1, 16), 2):
        usual[place] = pick.choice([HUGE, HUGE - 15, 2**30, -1, -HUGE])
    shape = (ctypes.c_int32 * 16)(*usual)
    refused("spareto_conv_forward", "pppppiqi", at, at, at, at, shape, 16, 1, 1)
    refused("spareto_conv_wgrad", "ppppppppiqi", at, at, None, None, None, None, at, shape, 16, 1, 1)
    refused("spareto_conv_dgrad", "ppppppppii", at, None, None, None, None, at, at, shape, 16, 1)
    refused("spareto_pool_dgrad", "pppppiiiii", at, at, at, at, shape, 16, 2, 2, 16, 1)
    refused("spareto_pool_wgrad", "pppppiiiii", at, at, at, at, shape, 16, 2, 2, 16, 1)
    refused("spareto_pool_sums", "pppppiiiqi", at, at, at, at, shape, 16, 2, 2, 1, 1)
    sizes = [1, 4, 4, 16, 2, 2]
    for place in pick.sample(range(1, 6), 2):
        sizes[place] = pick.choice([HUGE, 2**30, -1, -HUGE])
    pooled = (ctypes.c_int32 * 6)(*sizes)
    refused("spareto_pool_max", "ppppi", at, at, at, pooled, 1)
    refused("spareto_pool_max_back", "ppppi", at, at, at, pooled, 1)
    sizes = [3, 2, 1]
    sizes[pick.randrange(2)] = pick.choice([HUGE, -1, 2**30])
    refused("spareto_dense_forward", "pppqiiii", at, at, at, 1, *sizes, 1)
    refused("spareto_dense_wgrad", "pppqiiii", at, at, at, 1, *sizes, 1)
    shape = [1, 1, 4, 4, 16, 16, 1, 1, 1, 1]
    for place in pick.sample(range(1, 10), 2):
        shape[place] = pick.choice([HUGE, 2**30, -1, -HUGE])
    shape = (ctypes.c_int32 * 10)(*shape)
    refused("spareto_block_forward", "ppppppii", at, at, at, at, at, shape, 0, 1)
    refused("spareto_block_backward", "ppppqpppppiiii", *[at] * 4, 16, *[at] * 4, shape, 0, 0, 0, 1)
    sums = (ctypes.c_int32 * 16)(1, 4, 4, 3, 4, 4, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1)
    refused("spareto_conv_fire", "ppppppppiiqi", *[at] * 6, sums, shape, 16, 0, 1, 1)
    refused("spareto_dense_fire", "pppppppiiii", *[at] * 6, shape, *sizes_of_rows(pick), 0, 1)
    sizes = pick.choice([(2**40, 2**40), (-1, 3), (3, -1), (2**62, 2)])
    refused("spareto_neuron_forward", "pppppqqii", at, at, at, None, None, *sizes, 0, 1)
    refused("spareto_band_solve", "pppppqqqii", *[at] * 5, *sizes, pick.choice([2**20, -1]), 0, 1)


def sizes_of_rows(pick):
    return pick.choice([(HUGE, 3), (-1, 3), (2**30, 64)])


def refused(name, signature, *arguments):
    with suppress(ConfigError):
        given = (value.data_ptr() if isinstance(value, torch.Tensor) else value for value in arguments)
        status = c_layers.function(name, signature)(*given)
        assert status == 2, f"{name}{arguments} answered {status}"
