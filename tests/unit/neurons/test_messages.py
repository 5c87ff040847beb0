"""What neurons, surrogates and currents that cannot be used are answered with."""

import re

import pytest
import torch

from spareto.core.errors import ConfigError, InputError
from spareto.neurons import registry
from spareto.neurons.surrogates.arctan import Arctan


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
    ("lif", {"tau": True}, ["neuron 'lif'.tau: got True; expected a number of timesteps above 0."]),
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
    ("iaf", {"gain": float("inf")}, ["neuron 'iaf'.gain: got inf; expected a finite number."]),
    ("plif", {"tau": 1.0}, ["neuron 'plif'.tau: got 1.0; expected a number of timesteps above 1."]),
    (
        "synaptic",
        {"tau_syn": 0.1, "alpha": 0.5, "tau": 0.3},
        [
            "neuron 'synaptic': got tau_syn 0.1 and alpha 0.5; expected one of the two. Leave one out.",
            "neuron 'synaptic'.tau_syn: got 0.1; expected a number of timesteps of at least 1.",
            "neuron 'synaptic'.tau: got 0.3; expected a number of timesteps of at least 1.",
        ],
    ),
    (
        "synaptic",
        {"tau_syn": 0.0, "alpha": 2.0, "v_leak": "0"},
        [
            "neuron 'synaptic'.tau_syn: got 0.0; expected a number of timesteps above 0.",
            "neuron 'synaptic'.alpha: got 2.0; expected a share from 0 to 1.",
            "neuron 'synaptic'.v_leak: got '0'; expected a finite number.",
        ],
    ),
    ("alif", {"adapt_scale": None}, ["neuron 'alif'.adapt_scale: got None; expected a finite number."]),
    (
        "multi_spike",
        {"most": 0},
        ["neuron 'multi_spike'.most: got 0; expected an integer from 1 to 16,777,216, or None."],
    ),
    (
        "multi_spike",
        {"reset": "zero", "v_threshold": 0.0},
        [
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
        {"features": 2, "neuron": "recurrent"},
        ["neuron 'recurrent'.neuron: got 'recurrent'; expected a plain neuron. Wrap another neuron."],
    ),
    (
        "recurrent",
        {"features": 0, "bias": "no", "neuron": 3},
        [
            "neuron 'recurrent'.features: got 0; expected an integer of at least 1.",
            "neuron 'recurrent'.neuron: got 3; expected the name of a neuron, or a neuron itself.",
            "neuron 'recurrent'.bias: got 'no'; expected True or False.",
        ],
    ),
    (
        "recurrent",
        {},
        ["neuron 'recurrent'.features: got nothing; expected a value, for it has no default. Pass features."],
    ),
    (
        "quantized_state",
        {"neuron": None, "bits": 1},
        [
            "neuron 'quantized_state'.neuron: got None; expected the name of a neuron, or a neuron itself.",
            "neuron 'quantized_state'.bits: got 1; expected an integer from 2 to 16.",
        ],
    ),
    (
        "quantized_membrane",
        {"bits": 17, "range": "learnt", "squash": True, "start": 0},
        [
            "neuron 'quantized_membrane'.bits: got 17; expected an integer from 2 to 16.",
            "neuron 'quantized_membrane'.range: got 'learnt'; expected one of learned, running, batch. "
            "Did you mean 'learned'?",
            "neuron 'quantized_membrane'.squash: got True; expected one of none, tanh.",
            "neuron 'quantized_membrane'.start: got 0; expected a number above 0.",
        ],
    ),
    (
        "lif",
        {"surrogate": None, "strict": "yes", "detach_reset": 1},
        [
            "neuron 'lif'.strict: got 'yes'; expected True or False.",
            "neuron 'lif'.detach_reset: got 1; expected True or False.",
            "neuron 'lif'.surrogate: got None; expected the name of a surrogate, or a surrogate itself.",
        ],
    ),
    (
        "plif",
        {"surrogate": 3},
        ["neuron 'plif'.surrogate: got 3; expected the name of a surrogate, or a surrogate itself."],
    ),
    (
        "iaf",
        {"surrogate": Arctan(3.0), "slope": 2.0},
        [
            "neuron 'iaf'.slope: got 2.0; expected none beside a surrogate that has its own. "
            "Give it to the surrogate as alpha."
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


@pytest.mark.parametrize(
    ("name", "options", "lines"), WRONG, ids=lambda part: re.sub(r" at 0x\w+", "", str(part))
)
def test_wrong_parameters(name, options, lines):
    assert refusal(lambda: registry.make(name, **options)) == lines


def test_options_beside_a_neuron_that_has_its_own():
    for name, options in (
        ("recurrent", {"features": 3}),
        ("quantized_state", {}),
        ("multi_spike", {}),
        ("quantized_membrane", {}),
    ):
        neuron = registry.make("lif", reset="subtract")
        lines = refusal(
            lambda made=(name, options), own=neuron: registry.make(made[0], neuron=own, tau=3.0, **made[1])
        )
        assert lines == [
            f"neuron '{name}': got options tau; expected none beside a neuron that has its own. "
            "Give them to that neuron."
        ]


SHAPE = "expected currents of shape (time, batch, ...). Put the timesteps first."
REAL = "expected floating-point currents. Call .float() on them."
CURRENTS = [
    (torch.zeros(5), [f"got a tensor of shape (5,); {SHAPE}"]),
    (torch.tensor(1.0), [f"got a tensor of shape (); {SHAPE}"]),
    (torch.zeros(5, 3, dtype=torch.int64), [f"got torch.int64; {REAL}"]),
    (torch.zeros(5, 2, 3, dtype=torch.uint8), [f"got torch.uint8; {REAL}"]),
    (torch.tensor(True), [f"got a tensor of shape (); {SHAPE}", f"got torch.bool; {REAL}"]),
    (torch.zeros(5, 3, dtype=torch.complex64), [f"got torch.complex64; {REAL}"]),
]
NEURONS = {name: {"features": 3} if name == "recurrent" else {} for name in registry.names()}
WRAPPERS = ("quantized_membrane", "quantized_state")
ASKED = {name: "lif" if name in WRAPPERS else name for name in registry.names()}  # which they wrap


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize(
    ("current", "problems"), CURRENTS, ids=lambda value: str(getattr(value, "dtype", ""))
)
@pytest.mark.parametrize("way", ["forward", "run"])
def test_wrong_currents(name, current, problems, way):
    neuron = registry.make(name, **NEURONS[name])
    lines = refusal(lambda: getattr(neuron, way)(current))
    assert lines == [f"neuron '{ASKED[name]}': {problem}" for problem in problems]


def parts(state, change):
    """A state with each of its tensors changed."""
    return tuple(parts(part, change) for part in state) if isinstance(state, tuple) else change(state)


CURE = "Pass what run or step returned."
STATES = {
    "float64": (lambda v: v.double(), "torch.float64 on cpu", "torch.float32 on cpu"),
    "float16": (lambda v: v.half(), "torch.float16 on cpu", "torch.float32 on cpu"),
    "int64": (lambda v: v.long(), "torch.int64 on cpu", "torch.float32 on cpu"),
    "elsewhere": (lambda v: v.to("meta"), "torch.float32 on meta", "torch.float32 on cpu"),
    "numbers": (lambda v: 0.5, "a float", "tensors, or tuples of them"),
    "lists": (lambda v: [v], "a list", "tensors, or tuples of them"),
    "one sample": (lambda v: v[:1], "{} of shape (1, 3)", "{} of shape (2, 3)"),
    "one feature": (lambda v: v[..., :1], "{} of shape (2, 1)", "{} of shape (2, 3)"),
}


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("case", STATES)
def test_wrong_states(name, case):
    change, got, rule = STATES[case]
    neuron, current = registry.make(name, **NEURONS[name]), torch.zeros(3, 2, 3)
    _, state = neuron.run(current)
    neuron.run(current, state)
    count = len(state) if isinstance(state, tuple) else 1
    tensors = f"{count} tensor{'s' * (count > 1)}"
    assert refusal(lambda: neuron.run(current, parts(state, change))) == [
        f"neuron '{name}'.state: got {got.format(tensors)}; expected {rule.format(tensors)}. {CURE}"
    ]


def test_a_state_out_of_order():
    neuron, current = registry.make("recurrent", features=3, neuron="synaptic"), torch.zeros(3, 2, 3)
    _, (spikes, (v, i)) = neuron.run(current)
    for wrong, got in (
        ((spikes, v, i), "(tensor, tensor, tensor)"),
        (((spikes, v), i), "((tensor, tensor), tensor)"),
    ):
        lines = refusal(lambda wrong=wrong: neuron.run(current, wrong))
        assert lines == [f"neuron 'recurrent'.state: got {got}; expected (tensor, (tensor, tensor)). {CURE}"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["recurrent", "quantized_state"])
def test_currents_of_another_type_than_recurrent_weights(name, dtype):
    options = {"features": 3} | ({"neuron": "recurrent"} if name == "quantized_state" else {})
    neuron, current = registry.make(name, **options), torch.zeros(4, 2, 3, dtype=dtype)
    for way in (neuron.forward, neuron.run):
        assert refusal(lambda way=way: way(current)) == [
            f"neuron 'recurrent': got {dtype}; expected torch.float32, as its weights are. "
            "Call .to(torch.float32) on them."
        ]
    assert neuron.to(dtype)(current).dtype is dtype


def test_autocast_brings_currents_and_recurrent_weights_together():
    neuron, current = registry.make("recurrent", features=3), torch.ones(4, 2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert neuron(current.bfloat16()).dtype is torch.bfloat16
        assert torch.equal(neuron(current), neuron(current.bfloat16()).float())


@pytest.mark.parametrize("name", ["recurrent", "quantized_state"])
def test_wrong_features_of_a_recurrent_layer(name):
    options = {"features": 4} | ({"neuron": "recurrent"} if name == "quantized_state" else {})
    lines = refusal(lambda: registry.make(name, **options)(torch.zeros(3, 2, 5)))
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
