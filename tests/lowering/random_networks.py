"""Networks drawn at random: every kind of layer, neuron, reset and comparison that can be lowered."""

from random import Random

import torch
from torch import nn

from spareto.compression import compress
from spareto.core.errors import ConfigError
from spareto.kernels import dense
from spareto.layers.over_time import OverTime
from spareto.layers.residual import Residual
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.layers.tcja import TCJA
from spareto.neurons import registry
from spareto.neurons.quantized_state import QuantizedState
from spareto.neurons.recurrent import Recurrent
from spareto.records import Recipe

RESETS = ("zero", "value", "subtract", "none", "subtract_delayed", "zero_delayed")
QUANTIZERS = (
    *(("learned_clip", bits) for bits in (2, 3, 4, 8)),
    *(("lsq", 4), ("max_range", 6), ("max_range", 12), ("sign", 1), ("ternary", 2), ("power_of_two", 4)),
    *(("additive_power_of_two", 4), ("asymmetric", 4), ("duq", 3)),
)
CLASSES = 3


def neuron(pick, *, plain=False):
    """A neuron of the family, maybe with a stored state."""
    name = pick.choice(("lif", "lif", "plif", "iaf", "alif", "synaptic"))
    reset = pick.choice(RESETS)
    options = {"reset": reset, "strict": pick.random() < 0.5, "v_threshold": pick.choice((1.0, 0.7))}
    if reset == "value":
        options["v_reset"] = pick.choice((-0.5, 0.25))
    if name in ("lif", "alif", "synaptic"):
        options["beta"] = pick.choice((0.5, 0.9, 0.875))
        options["v_leak"] = pick.choice((0.0, 0.0, 0.125))
    if name == "plif":
        options["tau"] = pick.choice((2.0, 3.0))
    if name == "synaptic":
        options["alpha"] = pick.choice((0.5, 0.8))
    made = registry.make(name, **options)
    if not plain and pick.random() < 0.25:
        made = QuantizedState(made, bits=pick.choice((6, 8)), v_max=pick.choice((2.0, 4.0)))
    return made


def counting(pick):
    """A neuron that fires more than once a timestep."""
    return registry.make("multi_spike", neuron=pick.choice(("lif", "iaf")), most=pick.choice((None, 3)))


def normalized(pick, channels, kind=nn.BatchNorm2d):
    """A batch norm as training might leave it, or none."""
    if pick.random() < 0.25:
        return None
    norm = kind(channels)
    norm.running_mean.normal_(0, 0.1)
    norm.running_var.uniform_(0.02, 0.2)
    norm.weight.data.uniform_(-0.3, 1.2)
    norm.bias.data.normal_(0.1, 0.3)
    return norm


def block(pick, inputs, outputs, stride=1, made=None):
    """A convolution of any kind with neurons."""
    groups = pick.choice(
        (1, 1, 1, inputs if outputs % inputs == 0 else 1, 2 if inputs % 2 == outputs % 2 == 0 else 1)
    )
    kernel = pick.choice(((3, 3), (1, 1), (3, 1), (2, 3)))
    dilation = pick.choice((1, 1, 1, 2))
    padding = tuple(dilation * (side // 2) for side in kernel)
    conv = nn.Conv2d(
        inputs, outputs, kernel, stride, padding, dilation, groups=groups, bias=pick.random() < 0.5
    )
    return SpikingBlock(conv, normalized(pick, outputs), made or neuron(pick), pooling(pick))


def pooling(pick):
    return pick.choice(
        (None, None, nn.MaxPool2d(2), nn.AvgPool2d(2), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 1, 1))
    )


def residual(pick, channels):
    """A connection around a convolution that keeps shapes."""
    conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    body = SpikingBlock(conv, normalized(pick, channels), neuron(pick))
    connect = pick.choice(("add", "add", "and", "iand"))
    shortcut = None
    if pick.random() < 0.5:
        shortcut = SpikingBlock(nn.Conv2d(channels, channels, 1), None, neuron(pick))
    return Residual(body, shortcut, connect)


def network(seed, timesteps):
    """Layers, sensor: what is drawn depends on the seed alone; windows that do not fit are drawn anew."""
    for attempt in range(100):
        try:
            return drawn(seed, timesteps, Random(f"network {seed} {attempt}"))
        except ConfigError:
            continue
    raise AssertionError("no network fits")


def drawn(seed, timesteps, pick):
    torch.manual_seed(seed)
    sensor = (pick.choice((1, 2, 3)), pick.choice((5, 8, 9)), pick.choice((5, 7, 8)))
    width, layers = sensor[0], []
    for _ in range(pick.choice((1, 2))):
        out = pick.choice((4, 6, 12)) if width != 3 else 6
        layers.append(block(pick, width, out, pick.choice((1, 1, 2))))
        width = out
    spikes = isinstance(layers[-1].pool, (nn.MaxPool2d, type(None)))
    if spikes and pick.random() < 0.5:
        layers.append(residual(pick, width))
        if pick.random() < 0.3:
            layers.append(residual(pick, width) if layers[-1].connect != "add" else OverTime(nn.AvgPool2d(1)))
    if pick.random() < 0.25:
        layers.append(TCJA(timesteps, width))
    if pick.random() < 0.3:
        layers.append(block(pick, width, width, made=counting(pick)))
    if pick.random() < 0.2:
        layers.append(OverTime(nn.AdaptiveAvgPool2d(1)))
    with torch.no_grad():
        size = dense(nn.Sequential(*layers).eval()(torch.zeros(timesteps, 1, *sensor)))[0, 0].numel()
    hidden = pick.choice((5, 16, 70))
    first = neuron(pick, plain=True)
    first = Recurrent(hidden, first) if pick.random() < 0.4 else first
    layers.append(SpikingDense(nn.Linear(size, hidden), first, normalized(pick, hidden, nn.BatchNorm1d)))
    voters = CLASSES * pick.choice((1, 3))
    layers.append(SpikingDense(nn.Linear(hidden, voters, bias=False), neuron(pick)))
    return nn.Sequential(*layers).eval(), sensor, pick


def lowerable(seed):
    """A compressed network, its sensor, and frames: some without a spike, some with nothing but spikes."""
    timesteps = Random(f"timesteps {seed}").choice((1, 2, 5))
    built, sensor, pick = network(seed, timesteps)
    quantizer, bits = pick.choice(QUANTIZERS)
    steps = [{"kind": "quantize", "quantizer": quantizer, "bits": bits}]
    has_attention = any(isinstance(layer, TCJA) for layer in built)
    if pick.random() < 0.4 and not has_attention:
        steps[0]["granularity"] = "per_channel"
    if pick.random() < 0.5:
        steps.append({"kind": "prune", "sparsity": pick.choice((0.3, 0.8)), "scope": "per_layer"})
    order = pick.choice(("quantize_then_mask", "mask_then_quantize"))
    small = compress(built, Recipe.parse({"steps": steps, "order": order}, "recipe")).eval()
    density = pick.choice((0.1, 0.3, 0.6))
    frames = (torch.rand(timesteps, 3, *sensor) < density).to(torch.int64)
    most = pick.choice((1, 1, 5))
    if most > 1:
        frames = frames * torch.randint(1, most + 1, frames.shape)
    frames[:, 1] = 0
    frames[:, 2] = most
    return small, sensor, frames, most
