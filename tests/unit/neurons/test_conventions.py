"""Every convention in use, against a plain loop that knows nothing of ours, and against the peers themselves.

Currents and coefficients are short binary fractions, so that all sums are exact and potentials often
equal the threshold: who fires there shows.
"""

import importlib
import math
import warnings

import pytest
import torch

from spareto.neurons import registry

T, SHAPE = 60, (4, 31)


def currents(dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-3, 9, (T, *SHAPE), generator=generator).to(dtype) / 4


def spikes_of(name, x, **options):
    return registry.make(name, **options)(x)


def check_equal(ours, theirs):
    assert 0.02 < float(theirs.mean()) < 0.9, "the comparison says nothing"
    assert torch.equal(ours, theirs.to(ours.dtype)), f"{int((ours != theirs).sum())} spikes differ"


# ---------------------------------------------------------------- plain loops, from the equations alone


def loop(update, x, *state):
    out = []
    for now in x:
        s, *state = update(now, *state)
        out.append(s)
    return torch.stack(out)


def zeros():
    return torch.zeros(SHAPE, dtype=torch.float64)


def snntorch_leaky(x, beta, reset, delay=True):
    def update(now, v):
        r = (v > 1).double()
        if reset == "subtract":
            u = beta * v + now - (r if delay else 0)
        else:
            u = beta * (v * (1 - r) if reset == "zero" else v) + now
        s = (u > 1).double()
        return s, u if delay or reset != "subtract" else u - s

    return loop(update, x, zeros())


def snntorch_synaptic(x, alpha, beta, reset):
    def update(now, i, v):
        r = (v > 1).double()
        i = alpha * i + now
        u = beta * v + i
        u = u - r if reset == "subtract" else u * (1 - r)
        return (u > 1).double(), i, u

    return loop(update, x, zeros(), zeros())


def spikingjelly_lif(x, tau, decay_input, v_reset):
    def update(now, v):
        rest = 0.0 if v_reset is None else v_reset
        h = v + (now - (v - rest)) / tau if decay_input else v - (v - rest) / tau + now
        s = (h >= 1).double()
        return s, h - s if v_reset is None else torch.where(s > 0, torch.tensor(rest).double(), h)

    return loop(update, x, zeros() + (v_reset or 0.0))


def norse_box(x, dt_over_tau, v_leak, v_reset):
    def update(now, v):
        h = v + dt_over_tau * (now + v_leak - v)
        s = (h > 1).double()
        return s, (1 - s) * h + s * v_reset

    return loop(update, x, zeros() + v_leak)


def sinabs_lif(x, beta, norm):
    def update(now, v):
        u = beta * v + (1 - beta if norm else 1) * now
        s = (u >= 1).double()
        return s, u - s

    return loop(update, x, zeros())


def rockpool_lif(x, alpha, beta):
    def update(now, i, v):
        i = i * alpha + now
        v = v * beta + i
        s = (v > 1).double()
        return s, i, v - s

    return loop(update, x, zeros(), zeros())


def lava_cuba(x, current_decay, voltage_decay):
    def update(now, i, v):
        i = (1 - current_decay) * i + now
        v = (1 - voltage_decay) * v + i
        s = (v >= 1).double()
        return s, i, v * (1 - s)

    return loop(update, x, zeros(), zeros())


def adaptive(x, beta, rho, scale):
    def update(now, v, b):
        h = beta * v + (1 - beta) * now
        level = 1 + scale * b
        s = (h >= level).double()
        return s, h - s * level, rho * b + s

    return loop(update, x, zeros(), zeros())


RAW = {"beta": 0.75, "gain": 1.0}
LOOPS = {
    "snnTorch Leaky, subtract": (
        lambda x: snntorch_leaky(x, 0.75, "subtract"),
        ("lif", {**RAW, "reset": "subtract_delayed", "strict": True}),
    ),
    "snnTorch Leaky, subtract at once": (
        lambda x: snntorch_leaky(x, 0.75, "subtract", delay=False),
        ("lif", {**RAW, "reset": "subtract", "strict": True}),
    ),
    "snnTorch Leaky, zero": (
        lambda x: snntorch_leaky(x, 0.75, "zero"),
        ("lif", {**RAW, "reset": "zero", "strict": True}),
    ),
    "snnTorch Leaky, none": (
        lambda x: snntorch_leaky(x, 0.75, "none"),
        ("lif", {**RAW, "reset": "none", "strict": True}),
    ),
    "snnTorch Synaptic, subtract": (
        lambda x: snntorch_synaptic(x, 0.5, 0.75, "subtract"),
        ("synaptic", {**RAW, "alpha": 0.5, "reset": "subtract_delayed", "strict": True}),
    ),
    "snnTorch Synaptic, zero": (
        lambda x: snntorch_synaptic(x, 0.5, 0.75, "zero"),
        ("synaptic", {**RAW, "alpha": 0.5, "reset": "zero_delayed", "strict": True}),
    ),
    "SpikingJelly LIF": (lambda x: spikingjelly_lif(x, 2.0, True, 0.0), ("lif", {"tau": 2.0})),
    "SpikingJelly LIF, input not scaled": (
        lambda x: spikingjelly_lif(x, 4.0, False, 0.0),
        ("lif", {"tau": 4.0, "gain": 1.0}),
    ),
    "SpikingJelly LIF, soft reset": (
        lambda x: spikingjelly_lif(x, 4.0, False, None),
        ("lif", {"tau": 4.0, "gain": 1.0, "reset": "subtract"}),
    ),
    "SpikingJelly LIF, reset to a value": (
        lambda x: spikingjelly_lif(x, 2.0, True, -0.5),
        ("lif", {"tau": 2.0, "reset": "value", "v_reset": -0.5, "v_leak": -0.5}),
    ),
    "SpikingJelly PLIF": (lambda x: spikingjelly_lif(x, 2.0, True, 0.0), ("plif", {"tau": 2.0})),
    "SpikingJelly IF": (
        lambda x: loop(lambda n, v: ((v + n >= 1).double(), torch.where(v + n >= 1, 0.0, v + n)), x, zeros()),
        ("iaf", {}),
    ),
    "Norse LIFBox": (
        lambda x: norse_box(x, 0.25, 0.0, 0.0),
        ("lif", {"beta": 0.75, "gain": 0.25, "strict": True}),
    ),
    "Norse LIFBox, leak and reset apart": (
        lambda x: norse_box(x, 0.5, 0.25, -0.5),
        ("lif", {"beta": 0.5, "v_leak": 0.25, "reset": "value", "v_reset": -0.5, "strict": True}),
    ),
    "sinabs LIF": (
        lambda x: sinabs_lif(x, math.exp(-1 / 5), True),
        ("lif", {"tau": 5.0, "decay": "exponential", "reset": "subtract"}),
    ),
    "sinabs LIF, input not scaled": (
        lambda x: sinabs_lif(x, math.exp(-1 / 3), False),
        ("lif", {"tau": 3.0, "decay": "exponential", "gain": 1.0, "reset": "subtract"}),
    ),
    "sinabs IAF": (lambda x: sinabs_lif(x, 1.0, False), ("iaf", {"reset": "subtract"})),
    "Rockpool LIF": (
        lambda x: rockpool_lif(x, math.exp(-1 / 2), math.exp(-1 / 4)),
        (
            "synaptic",
            {
                "tau_syn": 2.0,
                "tau": 4.0,
                "decay": "exponential",
                "gain": 1.0,
                "reset": "subtract",
                "strict": True,
            },
        ),
    ),
    "lava-dl CUBA": (
        lambda x: lava_cuba(x, 0.5, 0.25),
        ("synaptic", {"alpha": 0.5, "beta": 0.75, "gain": 1.0}),
    ),
    "adaptive threshold": (
        lambda x: adaptive(x, 0.5, 0.75, 0.25),
        ("alif", {"beta": 0.5, "adapt_decay": 0.75, "adapt_scale": 0.25, "reset": "subtract"}),
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("convention", LOOPS)
def test_a_convention_is_expressed(convention, dtype):
    theirs, (name, options) = LOOPS[convention]
    scaled = options.get("gain", 1.0 if name == "iaf" else None) != 1.0
    x = currents() * (2.0 if scaled else 0.5)
    expected = theirs(x)
    neuron = registry.make(name, **options).to(dtype)
    check_equal(neuron(x.to(dtype)).double(), expected)


def test_at_the_threshold_conventions_differ():
    """The currents above do reach the threshold itself, so that `strict` matters."""
    x = currents()
    strict = spikes_of("lif", x, tau=2.0, strict=True)
    assert int((spikes_of("lif", x, tau=2.0) != strict).sum()) > 10


def test_a_reset_one_timestep_later_is_another_neuron():
    x = currents() / 2
    at_once = spikes_of("lif", x, **RAW, reset="subtract", strict=True)
    later = spikes_of("lif", x, **RAW, reset="subtract_delayed", strict=True)
    assert int((at_once != later).sum()) > 10


# ---------------------------------------------------------------- the peers themselves


NORSE_SLOPE = 1.0  # its backward divides by (|x| + 1)², whatever alpha is


def peer(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"{name.partition('.')[0]} is not installed ({error})")


def check_peer(ours, theirs, scale=1.0, gradient=True):
    """Spikes equal; gradients of a random sum equal to rounding."""
    mine = (currents(torch.float32) * scale).requires_grad_()
    other = mine.detach().clone().requires_grad_()
    spikes = ours(mine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = theirs(other)
    check_equal(spikes.detach(), expected.detach())
    if gradient:
        cotangent = torch.randn(mine.shape, generator=torch.Generator().manual_seed(1))
        (spikes * cotangent).sum().backward()
        (expected * cotangent).sum().backward()
        torch.testing.assert_close(
            mine.grad, other.grad, rtol=1e-4, atol=1e-5 * float(other.grad.abs().max())
        )


def stepping(cell, states):
    """A peer's cell, called once a timestep with its states."""

    def run(x):
        state, out = states(x[0]), []
        for now in x:
            s, *state = cell(now, *state)
            out.append(s)
        return torch.stack(out)

    return run


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("kind", ["Leaky", "Synaptic"])
def test_snntorch(kind, reset):
    snn, surrogate = peer("snntorch"), peer("snntorch.surrogate")
    options = {"threshold": 1.0, "reset_mechanism": reset, "spike_grad": surrogate.atan(2.0)}
    own = {
        "subtract": "subtract_delayed",
        "zero": "zero" if kind == "Leaky" else "zero_delayed",
        "none": "none",
    }
    shared = {**RAW, "reset": own[reset], "strict": True}
    if kind == "Leaky":
        cell, states = snn.Leaky(beta=0.75, **options), lambda now: (torch.zeros_like(now),)
        neuron = registry.make("lif", **shared)
    else:
        cell = snn.Synaptic(alpha=0.5, beta=0.75, **options)
        states = lambda now: (torch.zeros_like(now), torch.zeros_like(now))  # noqa: E731
        neuron = registry.make("synaptic", alpha=0.5, **shared)
    check_peer(neuron, stepping(cell, states), scale=0.5)


def test_snntorch_without_delay():
    snn, surrogate = peer("snntorch"), peer("snntorch.surrogate")
    cell = snn.Leaky(beta=0.75, reset_delay=False, spike_grad=surrogate.atan(2.0))
    neuron = registry.make("lif", **RAW, reset="subtract", strict=True, detach_reset=False)
    check_peer(neuron, stepping(cell, lambda now: (torch.zeros_like(now),)), scale=0.5)


@pytest.mark.parametrize("detach", [True, False], ids=["detached", "attached"])
@pytest.mark.parametrize("v_reset", [0.0, None, -0.5])
@pytest.mark.parametrize("kind", ["IF", "LIF", "LIF unscaled", "PLIF"])
def test_spikingjelly(kind, v_reset, detach):
    neuron, surrogate = (peer(f"spikingjelly.activation_based.{name}") for name in ("neuron", "surrogate"))
    shared = {"v_reset": v_reset, "detach_reset": detach, "surrogate_function": surrogate.Sigmoid(4.0)}
    shared["step_mode"] = "m"
    rest = v_reset or 0.0
    reset = {None: {"reset": "subtract"}, 0.0: {}}.get(v_reset, {"reset": "value", "v_reset": v_reset})
    own = {**reset, "detach_reset": detach, "surrogate": "sigmoid"}
    if kind == "IF":
        theirs, ours = neuron.IFNode(**shared), registry.make("iaf", v_start=rest, **own)
    elif kind == "PLIF":
        theirs = neuron.ParametricLIFNode(init_tau=2.0, **shared)
        ours = registry.make("plif", v_leak=rest, **own)
    else:
        scaled = kind == "LIF"
        theirs = neuron.LIFNode(tau=4.0, decay_input=scaled, **shared)
        ours = registry.make("lif", tau=4.0, v_leak=rest, gain=None if scaled else 1.0, **own)
    check_peer(ours, theirs, scale=2.0 if kind in ("LIF", "PLIF") else 0.5)


def test_spikingjelly_learns_the_same_leak():
    neuron, surrogate = (peer(f"spikingjelly.activation_based.{name}") for name in ("neuron", "surrogate"))
    theirs = neuron.ParametricLIFNode(
        init_tau=2.0, surrogate_function=surrogate.ATan(2.0), step_mode="m", detach_reset=True
    )
    ours = registry.make("plif", tau=2.0)
    x = currents(torch.float32)
    ours(x).sum().backward()
    theirs(x).sum().backward()
    torch.testing.assert_close(ours.w.grad, theirs.w.grad.reshape(()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("v_leak", "v_reset"), [(0.0, 0.0), (0.25, -0.5)])
def test_norse_box(v_leak, v_reset):
    box = peer("norse.torch.functional.lif_box")
    p = box.LIFBoxParameters(
        tau_mem_inv=torch.tensor(250.0), v_leak=torch.tensor(v_leak), v_reset=torch.tensor(v_reset)
    )
    start = lambda now: (box.LIFBoxFeedForwardState(v=torch.full_like(now, v_leak)),)  # noqa: E731
    theirs = stepping(lambda now, state: box.lif_box_feed_forward_step(now, state, p, dt=0.001), start)
    ours = registry.make(
        "lif",
        beta=0.75,
        v_leak=v_leak,
        reset="value",
        v_reset=v_reset,
        strict=True,
        detach_reset=False,
        surrogate="fast_sigmoid",
        slope=NORSE_SLOPE,
    )
    check_peer(ours, theirs, scale=2.0)


def test_norse_with_a_synaptic_current():
    lif = peer("norse.torch.functional.lif")
    p = lif.LIFParameters(tau_syn_inv=torch.tensor(500.0), tau_mem_inv=torch.tensor(250.0))
    start = lambda now: (lif.LIFFeedForwardState(torch.zeros_like(now), torch.zeros_like(now)),)  # noqa: E731
    theirs = stepping(lambda now, state: lif.lif_feed_forward_step(now, state, p, dt=0.001), start)
    ours = registry.make(
        "synaptic",
        alpha=0.5,
        beta=0.75,
        strict=True,
        detach_reset=False,
        surrogate="fast_sigmoid",
        slope=NORSE_SLOPE,
    )
    check_peer(ours, theirs)


def sinabs_of(layer):
    return lambda x: layer(x.transpose(0, 1)).transpose(0, 1)


@pytest.mark.parametrize("norm", [True, False], ids=["scaled", "unscaled"])
@pytest.mark.parametrize("tau_syn", [None, 3.0])
def test_sinabs(norm, tau_syn):
    layers, activation = peer("sinabs.layers"), peer("sinabs.activation")
    theirs = layers.LIF(
        tau_mem=5.0, tau_syn=tau_syn, norm_input=norm, spike_fn=activation.SingleSpike,
        reset_fn=activation.MembraneSubtract(),
    )  # fmt: skip
    shared = {"tau": 5.0, "decay": "exponential", "reset": "subtract"}
    gain = 1 - math.exp(-1 / 5) if norm else 1.0
    if tau_syn is None:
        ours = registry.make("lif", gain=gain, **shared)
    else:
        ours = registry.make("synaptic", tau_syn=tau_syn, gain=gain * math.exp(-1 / tau_syn), **shared)
    check_peer(ours, sinabs_of(theirs), scale=2.0 if norm else 0.25, gradient=False)


def test_sinabs_adaptive():
    layers, activation = peer("sinabs.layers"), peer("sinabs.activation")
    theirs = layers.ALIF(
        tau_mem=5.0, tau_adapt=8.0, adapt_scale=1.8, spike_fn=activation.SingleSpike,
        reset_fn=activation.MembraneSubtract(),
    )  # fmt: skip
    ours = registry.make(
        "alif",
        tau=5.0,
        tau_adapt=8.0,
        decay="exponential",
        reset="subtract",
        adapt_scale=1.8 * (1 - math.exp(-1 / 8)),
    )
    check_peer(ours, sinabs_of(theirs), scale=2.0, gradient=False)
