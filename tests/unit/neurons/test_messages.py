"""What neurons, surrogates and currents that cannot be used are answered with."""

import pytest
import torch

from spareto.core.errors import ConfigError, InputError
from spareto.neurons import registry


def refusal(make):
    with pytest.raises(InputError) as error:
        make()
    return str(error.value).splitlines()


RESETS = "expected one of zero, value, subtract, none, subtract_delayed, zero_delayed."
WRONG = [
    ("lif", {"tau": 0.5}, ["neuron 'lif'.tau: got 0.5; expected a number of timesteps of at least 1."]),
    (
        "lif",
        {"tau": 0.0, "decay": "exponential"},
        ["neuron 'lif'.tau: got 0.0; expected a number of timesteps above 0."],
    ),
    ("lif", {"tau": True}, ["neuron 'lif'.tau: got True; expected a number of timesteps of at least 1."]),
    ("lif", {"beta": 1.5}, ["neuron 'lif'.beta: got 1.5; expected a share from 0 to 1."]),
    (
        "lif",
        {"tau": 3.0, "beta": 0.5},
        ["neuron 'lif': got tau 3.0 and beta 0.5; expected one of the two. Leave one out."],
    ),
    (
        "lif",
        {"decay": "eular"},
        ["neuron 'lif'.decay: got 'eular'; expected one of euler, exponential. Did you mean 'euler'?"],
    ),
    (
        "lif",
        {"v_threshold": "1", "reset": "hard"},
        [
            "neuron 'lif'.v_threshold: got '1'; expected a finite number.",
            f"neuron 'lif'.reset: got 'hard'; {RESETS}",
        ],
    ),
    (
        "lif",
        {"v_reset": -0.5},
        ["neuron 'lif'.v_reset: got -0.5; expected 0 with reset 'zero'. Use reset 'value'."],
    ),
    ("iaf", {"gain": float("inf")}, ["neuron 'if'.gain: got inf; expected a finite number."]),
    ("plif", {"tau": 1.0}, ["neuron 'plif'.tau: got 1.0; expected a number of timesteps above 1."]),
    (
        "synaptic",
        {"tau_syn": 0.1, "alpha": 2.0},
        [
            "neuron 'synaptic': got tau_syn 0.1 and alpha 2.0; expected one of the two. Leave one out.",
            "neuron 'synaptic'.tau_syn: got 0.1; expected a number of timesteps of at least 1.",
            "neuron 'synaptic'.alpha: got 2.0; expected a share from 0 to 1.",
        ],
    ),
    ("alif", {"adapt_scale": None}, ["neuron 'alif'.adapt_scale: got None; expected a finite number."]),
    (
        "multi_spike",
        {"reset": "zero", "v_threshold": 0.0, "most": 0},
        [
            "neuron 'multi_spike'.most: got 0; expected an integer of at least 1, or None.",
            "neuron 'multi_spike'.reset: got 'zero'; expected 'subtract'. "
            "What is above the thresholds would be lost.",
            "neuron 'multi_spike'.v_threshold: got 0.0; expected a level above 0.",
        ],
    ),
    (
        "multi_spike",
        {"neuron": "alif", "adapt_scale": -0.1},
        [
            "neuron 'multi_spike'.adapt_scale: got -0.1; "
            "expected at least 0, so that the threshold stays above 0."
        ],
    ),
    (
        "multi_spike",
        {"neuron": "recurrent"},
        [
            "neuron 'multi_spike'.neuron: got 'recurrent'; expected a plain neuron, such as 'lif'. "
            "Let the others wrap this one."
        ],
    ),
    (
        "recurrent",
        {"features": 0, "neuron": "recurrent"},
        [
            "neuron 'recurrent'.features: got 0; expected an integer of at least 1.",
            "neuron 'recurrent'.neuron: got 'recurrent'; expected a plain neuron. Wrap another neuron.",
        ],
    ),
    ("lif", {"slope": 0}, ["surrogate 'arctan'.alpha: got 0; expected a number above 0."]),
    (
        "lif",
        {"surrogate": "arctangent"},
        [
            "surrogate: got 'arctangent'; expected one of arctan, exponential, fast_sigmoid, gaussian, "
            "rectangle, sigmoid, triangle. Did you mean 'arctan'?"
        ],
    ),
]


@pytest.mark.parametrize(("name", "options", "lines"), WRONG, ids=str)
def test_wrong_parameters(name, options, lines):
    assert refusal(lambda: registry.make(name, **options)) == lines


SHAPE = "expected currents of shape (time, batch, ...). Put the timesteps first."
CURRENTS = [
    (torch.zeros(5), [f"neuron 'lif': got a tensor of shape (5,); {SHAPE}"]),
    (
        torch.zeros(5, 3, dtype=torch.int64),
        ["neuron 'lif': got torch.int64; expected floating-point currents. Call .float() on them."],
    ),
    (
        torch.tensor(True),
        [
            f"neuron 'lif': got a tensor of shape (); {SHAPE}",
            "neuron 'lif': got torch.bool; expected floating-point currents. Call .float() on them.",
        ],
    ),
    (
        torch.zeros(5, 3, dtype=torch.complex64),
        ["neuron 'lif': got torch.complex64; expected floating-point currents. Call .float() on them."],
    ),
]


@pytest.mark.parametrize(("current", "lines"), CURRENTS, ids=lambda value: str(getattr(value, "dtype", "")))
@pytest.mark.parametrize("way", ["forward", "run"])
def test_wrong_currents(current, lines, way):
    assert refusal(lambda: getattr(registry.make("lif"), way)(current)) == lines


def test_wrong_features_of_a_recurrent_layer():
    lines = refusal(lambda: registry.make("recurrent", features=4)(torch.zeros(3, 2, 5)))
    assert lines == [
        "neuron 'recurrent': got 5 features; expected 4 on the last axis. Build it with as many."
    ]


def test_a_state_of_another_neuron():
    neuron, current = registry.make("synaptic"), torch.zeros(3, 2, 5)
    lines = refusal(lambda: neuron.run(current, torch.zeros(2, 5)))
    assert lines == [
        "neuron 'synaptic'.state: got 1 tensor of shape (2, 5); expected 2 tensors of shape (2, 5). "
        "Pass what run or step returned."
    ]
    lines = refusal(lambda: registry.make("lif").run(current, torch.zeros(7, 5)))
    assert lines == [
        "neuron 'lif'.state: got 1 tensor of shape (7, 5); expected 1 tensor of shape (2, 5). "
        "Pass what run or step returned."
    ]


def test_a_state_of_another_type_or_device():
    """The kernels would read other memory than is there."""
    neuron, current = registry.make("lif"), torch.zeros(3, 2, 5)
    for state in (torch.zeros(2, 5, dtype=torch.float64), torch.zeros(2, 5, device="meta")):
        assert refusal(lambda state=state: neuron.run(current, state)) == [
            f"neuron 'lif'.state: got {state.dtype} on {state.device}; expected torch.float32 on cpu. "
            "Pass what run or step returned."
        ]


def test_an_unknown_option_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"neuron 'lif'\.tua: got an unknown option; expected one of tau,"):
        registry.make("lif", tua=3)
