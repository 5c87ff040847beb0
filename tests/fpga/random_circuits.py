"""Circuits drawn at random: every neuron, reset, comparison, rounding, width and way of reading."""

import numpy as np

from spareto.fpga.circuit import Circuit, Neurons, Pooling
from spareto.fpga.windows import BitLayout, dense, sliding
from spareto.integer.semantics import Semantics

CLASSES = 2


def semantics(pick, *, scaled):
    """Choices that do not contradict each other."""
    order = "integrate" if scaled or pick.random() < 0.6 else "fire"
    second = pick.random() < 0.3
    shift = (None, 0, 1, 2, 4, 7)
    return Semantics(
        comparison=pick.choice((">", ">=")),
        order=order,
        reset=pick.choice(("subtract", "fixed")),
        reset_late=order == "integrate" and pick.random() < 0.3,
        firing_leaks=order == "integrate" or pick.random() < 0.5,
        leak_shift=pick.choice(shift),
        current_shift=pick.choice(shift) if second else None,
        second_order=second,
        rounding=pick.choice(("floor", "truncate", "even")),
        saturation="once" if scaled else pick.choice(("each", "once")),
        digits=pick.choice((3, 6, 12)) if scaled else 0,
        weight_bits=pick.choice((2, 3, 4, 5, 8, 16)),
        neuron_bits=pick.choice((2, 3, 4, 6, 8, 12, 16)),
        inhibition_bits=pick.choice((1, 2, 4)),
    )


def neurons(pick, name, source, window, channels, *, reads=None):
    """A stage of neurons over a window; some rows of weights are pruned."""
    rng = np.random.default_rng(pick.getrandbits(32))
    scaled = pick.random() < 0.35
    how = semantics(pick, scaled=scaled)
    columns = int(window.columns.max()) + 1
    weights = drawn(rng, how.weight_bits, (channels, columns))
    weights[:, rng.random(columns) < 0.2] = 0
    weights[rng.random(weights.shape) < pick.choice((0.0, 0.5, 0.9))] = 0
    unit = 1 << how.digits
    most = how.highest
    level = pick.choice((most, max(1, most // 2), 1, 0, -1)) * unit
    same = pick.random() < 0.5
    threshold = np.full(channels, level) if same else level + rng.integers(-1, 2, channels)
    reset = rng.integers(-most - 1, most + 1, channels) * unit if pick.random() < 0.4 else threshold.copy()
    bias = rng.integers(-2, 3, channels) * unit if pick.random() < 0.4 else np.zeros(channels, np.int64)
    fed = window.positions == 1 and pick.random() < 0.35
    return Neurons(
        name,
        source,
        how,
        window,
        weights,
        threshold,
        reset,
        bias,
        multiplier=rng.integers(0, 40, channels) if scaled else None,
        feedback=drawn(rng, how.inhibition_bits, (channels, channels)) if fed else None,
        feedback_multiplier=rng.integers(0, 9, channels) if fed and scaled else None,
        most=pick.choice((None, None, max(1, most - 1))),
        start=pick.choice((0, 0, -1, 1)),
        units=pick.choice([n for n in range(1, channels + 1) if channels % n == 0]),
        reads=reads or reading(pick, window, fed),
    )


def drawn(rng, bits, shape):
    """Weights of a width, its ends included."""
    return rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)


def dense_circuit(pick):
    """One or two dense stages."""
    inputs, hidden = pick.randint(1, 20), pick.choice((1, 4, 6, 8))
    stages = [neurons(pick, "hidden", -1, dense(inputs), hidden)]
    stages.append(neurons(pick, "output", 0, dense(hidden), CLASSES * pick.choice((1, 3))))
    return Circuit(inputs, CLASSES, tuple(stages), {"network": "drawn at random"})


def conv_circuit(pick):
    """A convolution, perhaps a pooling of either kind, a dense stage."""
    channels, height, width = pick.choice((1, 2)), pick.randint(3, 6), pick.randint(3, 6)
    layout = BitLayout((channels, height, width), pixels=False)
    kernel, padding = pick.choice(((3, 3), (1, 1), (2, 3))), pick.choice(((0, 0), (1, 1), (1, 0)))
    window = sliding(layout, kernel, pick.choice(((1, 1), (2, 2), (2, 1))), padding)
    hidden = pick.choice((1, 2, 4))
    stages = [neurons(pick, "features.conv", -1, window, hidden)]
    rows, columns = window.rows.size
    after = BitLayout((hidden, rows, columns))
    pooled = pick.choice(("none", "max", "sum")) if min(rows, columns) >= 2 else "none"
    if pooled == "max":
        stages.append(maxima(after))
        after = BitLayout((hidden, rows // 2, columns // 2))
    if pooled == "sum":
        sides = (rows // 2, columns // 2)
        window = sliding(after, sides, pool=(2, 2), pool_stride=(2, 2), pooled=sides)
    else:
        window = dense(after.size)
    stages.append(neurons(pick, "readout", len(stages) - 1, window, 2 * CLASSES))
    return Circuit(layout.size, CLASSES, tuple(stages), {"network": "drawn at random"})


def maxima(layout):
    """The maximum of each window of two by two."""
    channels, height, width = layout.shape
    places = np.arange(layout.size).reshape(height, width, channels)
    windows = [
        [places[2 * y + dy, 2 * x + dx, c] for dy in (0, 1) for dx in (0, 1)]
        for y in range(height // 2)
        for x in range(width // 2)
        for c in range(channels)
    ]
    return Pooling("pool", 0, np.array(windows), layout.size)


def frames_for(pick, circuit, timesteps, recordings):
    """Bits of every density: some timesteps without a spike, some with all of them."""
    rng = np.random.default_rng(pick.getrandbits(32))
    density = rng.choice([0.0, 0.05, 0.3, 0.7, 1.0], (timesteps, recordings, 1))
    return (rng.random((timesteps, recordings, circuit.inputs)) < density).astype(np.int64)


def reading(pick, window, fed):
    """A way to read inputs that such a stage has."""
    if fed:
        return pick.choice(("scan", "event")) if window.plain else "scan"
    return pick.choice(("scan", "event", "compressed"))
