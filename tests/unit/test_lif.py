"""The leaky integrate-and-fire neuron against its closed forms."""

import pytest
import torch

from spareto.core.errors import ConfigError
from spareto.neurons.lif import LIF
from spareto.testing import neurons as laws


def run(neuron, current):
    """Spikes, and the membrane potential after each timestep."""
    state, spikes, potentials = neuron.initial_state(current[0]), [], []
    for now in current:
        fired, state = neuron.step(now, state)
        spikes.append(fired)
        potentials.append(state)
    return torch.stack(spikes), torch.stack(potentials)


@pytest.mark.parametrize("tau", [1.0, 1.5, 2.0, 10.0])
def test_a_weak_constant_current_charges_exponentially(tau):
    """Below the threshold v[t] = x (1 - beta^t)."""
    current = torch.full((20, 1), 0.9, dtype=torch.float64)
    spikes, potentials = run(LIF(tau), current)
    t = torch.arange(1, 21, dtype=torch.float64)
    assert not spikes.any()
    torch.testing.assert_close(potentials[:, 0], 0.9 * (1 - (1 - 1 / tau) ** t))


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_a_potential_at_the_threshold_fires(reset):
    spikes, potentials = run(LIF(2.0, reset=reset), torch.tensor([[2.0], [0.0]]))
    assert spikes[:, 0].tolist() == [1.0, 0.0]
    assert potentials[0].item() == 0.0


def test_the_reset_is_to_zero_or_by_the_threshold():
    current = torch.tensor([[3.0], [0.0], [0.0]])
    spikes, potentials = run(LIF(2.0), current)
    assert (spikes[:, 0].tolist(), potentials[:, 0].tolist()) == ([1, 0, 0], [0, 0, 0])
    spikes, potentials = run(LIF(2.0, reset="subtract"), current)
    assert (spikes[:, 0].tolist(), potentials[:, 0].tolist()) == ([1, 0, 0], [0.5, 0.25, 0.125])


def test_the_period_under_a_constant_current():
    """From 0, x (1 - beta^n) reaches 1 first at n = ceil(log(1 - 1/x) / log beta)."""
    spikes, _ = run(LIF(4.0), torch.full((40, 1), 1.5, dtype=torch.float64))
    assert [t + 1 for t in range(40) if spikes[t, 0]] == list(range(4, 41, 4))


def test_the_gradient_of_one_timestep_is_the_surrogate_times_the_input_share():
    current = torch.linspace(-3, 5, 17, dtype=torch.float64)[None].requires_grad_()
    neuron = LIF(4.0, v_threshold=0.8)
    neuron(current).sum().backward()
    expected = 0.25 * neuron.surrogate.derivative(0.25 * current.detach() - 0.8)
    torch.testing.assert_close(current.grad, expected)


def test_no_second_derivative_is_made_up():
    current = torch.ones(3, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(LIF()(current).square().sum(), current, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_bad_parameters_are_all_named():
    with pytest.raises(ConfigError) as error:
        LIF(tau=-0.5, reset="substract")
    assert str(error.value).splitlines() == [
        "neuron 'lif'.tau: got -0.5; expected a number of timesteps above 0.",
        "neuron 'lif'.reset: got 'substract'; expected one of zero, value, subtract, none, "
        "subtract_delayed, zero_delayed. Did you mean 'subtract'?",
    ]


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize(("tau", "v_threshold"), [(2.0, 1.0), (3.0, 1.0), (7.3, 0.7)])
def test_a_rounding_error_from_the_threshold_forward_decides_as_the_steps_do(tau, v_threshold, reset):
    """Every current is chosen to lift its neuron to within a few rounding errors of the threshold."""
    neuron = LIF(tau, v_threshold=v_threshold, reset=reset)
    generator = torch.Generator().manual_seed(0)
    current = torch.rand(12, 5000, generator=generator)
    _, state = neuron.step(current[0], neuron.initial_state(current[0]))
    for now in current[1:]:
        wanted = (v_threshold - neuron.beta * state) / (1 - neuron.beta)
        noise = torch.randint(-2, 3, now.shape, generator=generator) * 2.0**-24
        now.copy_(wanted * (1 + noise))
        _, state = neuron.step(now, state)
    spikes, _ = laws.by_steps(neuron, current)
    assert 0.2 < spikes[1:].mean() < 0.8
    laws.check_forward_is_its_steps(neuron, current)
    laws.check_gradient_is_that_of_its_steps(neuron, current)
