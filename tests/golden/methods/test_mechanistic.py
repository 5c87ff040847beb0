"""Mechanistic layers: banded against dense, closed forms, published discoveries, and what is refused."""

import math
import time

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import nn

import spareto
from spareto import kernels
from spareto.core.errors import ConfigError, ShapeError
from spareto.layers.spiking_dense import SpikingDense
from spareto.mechanistic import (
    Mechanistic,
    RowWeights,
    discover,
    discover_neuron,
    reference,
    solve_ode,
    solver,
)
from spareto.mechanistic.discovery import monomials, windows
from spareto.mechanistic.system import Problems, assemble
from spareto.neurons import registry as neurons

WEIGHTS = RowWeights(2.0, 3.0, 0.5)


def drawn(N=1, T=6, Q=2, D=2, R=3, N0=1, R0=2, seed=0):
    """Random equations, each number with a gradient."""
    make = torch.Generator().manual_seed(seed)
    shapes = ((N, T, Q, D, R), (N, T, Q), (N, N0, D, R0))
    c, b, v = (torch.randn(shape, generator=make, dtype=torch.float64) for shape in shapes)
    h = 0.5 + torch.rand((N, T - 1), generator=make, dtype=torch.float64)
    return [x.requires_grad_() for x in (c, b, v, h)]


def apart(one, other):
    return ((one - other).norm() / other.norm()).item()


@pytest.mark.parametrize("central", [False, True])
@pytest.mark.parametrize("weights", [RowWeights(), WEIGHTS])
@pytest.mark.parametrize(
    "sizes", [{}, {"D": 1, "Q": 1, "R": 2, "R0": 1, "T": 9}, {"T": 2}, {"N0": 2, "R0": 3}]
)
def test_banded_is_dense_least_squares_forwards_and_backwards(central, weights, sizes):
    given = drawn(**sizes)
    banded = solve_ode(*given, weights=weights, central=central)
    dense = reference.least_squares(Problems(*given), weights, central=central)
    assert apart(banded, dense) < 1e-10
    g = torch.randn(banded.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours, theirs = (torch.autograd.grad((u * g).sum(), given) for u in (banded, dense))
    for one, other in zip(ours, theirs, strict=True):
        assert apart(one, other) < 1e-10


@pytest.mark.parametrize("central", [False, True])
def test_gradients_are_those_of_small_differences(central):
    given = drawn(N=2, T=4)
    assert torch.autograd.gradcheck(lambda *x: solve_ode(*x, weights=WEIGHTS, central=central), given)


@pytest.mark.parametrize("central", [False, True])
def test_blocks_beyond_the_band_are_zero(central):
    given = drawn(T=7)
    A, _ = reference.rows(Problems(*given), WEIGHTS, central=central)
    size, far = 6, 3 if central else 2
    M = (A.T @ A).reshape(7, size, 7, size).transpose(1, 2)
    system = assemble(Problems(*given), WEIGHTS, central=central)
    for t in range(7):
        torch.testing.assert_close(M[t, t], system.diag[0, t])
        for s in range(7):
            if abs(t - s) >= far:
                assert not M[t, s].any()
    assert M[far - 1, 0].any()


def test_kernel_and_plain_torch_agree(monkeypatch):
    given = drawn(N=3, T=12)
    for central in (False, True):
        fast = solve_ode(*given, central=central)
        with monkeypatch.context() as patch:
            patch.setattr(solver, "backend", lambda: "torch")
            slow = solve_ode(*given, central=central)
            ours = torch.autograd.grad(slow.sum(), given)
        assert apart(fast, slow) < 1e-12
        for one, other in zip(ours, torch.autograd.grad(fast.sum(), given), strict=True):
            assert apart(one, other) < 1e-10


def oscillator(step, T, N=1):
    """y'' + y = 0 with y(0) = 1 and y'(0) = 0: c, b, v, h."""
    c = torch.zeros(N, T, 1, 1, 3, dtype=torch.float64)
    c[..., 0] = c[..., 2] = 1
    v = torch.tensor([1.0, 0.0], dtype=torch.float64).expand(N, 1, 1, 2)
    return c, c.new_zeros(N, T, 1), v, c.new_full((N, T - 1), step)


def off(step, T):
    exact = torch.cos(step * torch.arange(T, dtype=torch.float64))
    return (solve_ode(*oscillator(step, T))[0, :, 0, 0] - exact).abs().max().item()


def test_the_oscillators_errors_are_the_published_ones():
    assert off(0.1, 100) == pytest.approx(0.105, abs=5e-4)
    assert off(0.01, 1000) == pytest.approx(1.1e-3, abs=6e-5)


def test_errors_fall_with_the_square_of_the_step():
    order = math.log(off(0.1, 100) / off(0.01, 1000)) / math.log(10)
    assert order == pytest.approx(2.0, abs=0.2)


def test_smoothness_that_counts_more_changes_nothing_here():
    exact = torch.cos(0.01 * torch.arange(1000, dtype=torch.float64))
    u = solve_ode(*oscillator(0.01, 1000), weights=RowWeights(smooth=100.0))
    assert (u[0, :, 0, 0] - exact).abs().max() < 1.3e-3


@pytest.mark.parametrize("place", range(4))
def test_float32_is_refused_in_words(place):
    given = list(oscillator(0.01, 10))
    given[place] = given[place].float()
    with pytest.raises(ConfigError, match=r"Call \.double\(\) first: .*collapses to an error of 1"):
        solve_ode(*given)


def test_float32_would_collapse():
    system = assemble(Problems(*oscillator(0.01, 1000)), RowWeights(), central=False)
    single = type(system)(*(None if x is None else x.float() for x in vars(system).values()))
    try:
        u = reference.solved(reference.factored(single), single.rhs)
    except RuntimeError:  # not even positive definite any more
        return
    exact = torch.cos(0.01 * torch.arange(1000))
    assert (u[0, :, 0] - exact).abs().max() > 0.5


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda c, b, v, h: (c, b, v, -h), ConfigError, "steps above 0"),
        (lambda c, b, v, h: (c * math.nan, b, v, h), ConfigError, "finite numbers"),
        (lambda c, b, v, h: (c, b[:, 1:], v, h), ShapeError, r"\(1, 10, 1\)"),
        (lambda c, b, v, h: (c, b, v, h[:, 1:]), ShapeError, "a step between two of 10 timesteps"),
        (lambda c, b, v, h: (c[0], b, v, h), ShapeError, r"shape \(N, T, Q, D, R\)"),
        (lambda c, b, v, h: (c * 0, b, v[:, :0], h), ConfigError, "rows that determine every value"),
        (lambda c, b, v, h: (c.numpy(), b, v, h), ConfigError, "a tensor of float64"),
    ],
)
def test_what_has_no_answer_is_refused(change, error, said):
    with pytest.raises(error, match=said):
        solve_ode(*change(*oscillator(0.1, 10)))


def test_memory_is_linear_in_time():
    def stored(T):
        given = [x.requires_grad_() for x in oscillator(0.01, T)]
        u = solve_ode(*given)
        return sum(x.numel() for x in u.grad_fn.next_functions[0][0].saved_tensors if x is not None)

    assert math.log2(stored(8000) / stored(1000)) / 3 == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_time_is_linear_and_twenty_times_the_dense_solvers():
    def seconds(run, times=7):
        return min(_timed(run) for _ in range(times))

    banded = {T: seconds(lambda T=T: solve_ode(*oscillator(0.01, T, N=16))) for T in (1000, 2000, 4000, 8000)}
    slope = np.polyfit(np.log(list(banded)), np.log(list(banded.values())), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.1)
    system = assemble(Problems(*oscillator(0.01, 1000)), RowWeights(), central=False)
    one = seconds(lambda: solve_ode(*oscillator(0.01, 1000)))
    assert seconds(lambda: dense(system), 1) > 20 * one


def _timed(run):
    start = time.process_time()
    run()
    return time.process_time() - start


def dense(system):
    """The same equations as one matrix."""
    T, B = system.rhs.shape[1:]
    M = torch.zeros(T, B, T, B, dtype=torch.float64)
    for t in range(T):
        M[t, :, t] = system.diag[0, t]
    for t in range(T - 1):
        M[t + 1, :, t] = system.sub[0, t]
    factor = torch.linalg.cholesky(M.reshape(T * B, T * B).tril_())
    return torch.cholesky_solve(system.rhs.reshape(-1, 1), factor)


def trace(derivative, start, step, T, **options):
    """A trajectory to 10 digits, shape (T, D)."""
    found = solve_ivp(
        derivative, (0, step * T), start, t_eval=step * np.arange(T), rtol=1e-10, atol=1e-12, **options
    )
    return torch.from_numpy(found.y.T.copy())


def test_lorenz_is_found_within_two_percent_and_nothing_else():
    def lorenz(_, s):
        return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]

    states = windows(trace(lorenz, [1, 1, 1], 0.01, 4000), 50)
    truth = ({"x": -10, "y": 10}, {"x": 28, "y": -1, "x z": -1}, {"z": -8 / 3, "x y": 1})
    for d, expected in enumerate(truth):
        found = discover(states[..., d].contiguous(), 0.01, monomials(states, "xyz", 2), threshold=0.1)
        for name, value in zip(found.names, found.coefficients, strict=True):
            assert value == pytest.approx(expected.get(name, 0), rel=0.02, abs=0), (d, name)


def neuron(kind, step, T):
    """Voltage, input and constants of a neuron that does not spike."""
    t = step * np.arange(T)

    def smooth(t):
        return 0.2 + 0.9 * np.sin(t / 9) + np.sin(t / 4 + 1) + 0.5 * np.sin(t / 23)

    def pulses(t):
        return ((t % 23) < 2) * 1.0 + ((t % 37) < 1) * 1.0

    if kind == "lif":
        v = trace(lambda t, s: [(-65 - s[0] + 8 * smooth(t)) / 20], [-65], step, T)
        return v[:, 0], smooth(t), {"tau": 20, "rest": -65, "resistance": 8}
    if kind == "synaptic":
        v = trace(
            lambda t, s: [(-60 - s[0] + 3 * s[1]) / 20, (pulses(t) - s[1]) / 5],
            [-60, 0],
            step,
            T,
            max_step=0.1,
        )
        around = np.mean([pulses(t + step * k) for k in np.linspace(-0.5, 0.5, 41)], 0)
        return v[:, 0], around, {"tau": 20, "tau_synapse": 5, "rest": -60, "resistance": 3}
    v = trace(
        lambda t, s: [0.04 * s[0] ** 2 + 5 * s[0] + 140 - s[1] + smooth(t), 0.02 * (0.2 * s[0] - s[1])],
        [-65, -13], step, T,
    )  # fmt: skip
    return v[:, 0], smooth(t), {"square": 0.04, "slope": 5, "offset": 140, "a": 0.02, "b": 0.2}


@pytest.mark.parametrize(
    ("kind", "step", "T"), [("lif", 0.1, 2000), ("synaptic", 0.05, 4000), ("izhikevich", 0.05, 8000)]
)
def test_a_neurons_constants_are_found_in_its_voltage_trace(kind, step, T):
    voltage, current, truth = neuron(kind, step, T)
    length = 800 if kind == "synaptic" else 200
    found = discover_neuron(voltage, torch.from_numpy(current), step, kind, length=length)
    for name, value in truth.items():
        assert found.constants[name] == pytest.approx(value, rel=0.02), name


def test_traces_that_cannot_be_read_are_refused():
    v = torch.zeros(400, dtype=torch.float64)
    with pytest.raises(ConfigError, match="float32 collapses"):
        discover_neuron(v.float(), v, 0.1, "lif")
    with pytest.raises(ConfigError, match="expected one of lif, synaptic, izhikevich"):
        discover_neuron(v, v, 0.1, "hodgkin")
    with pytest.raises(ConfigError, match="a window of 500 timesteps"):
        discover_neuron(v, v, 0.1, "lif", length=500)


class Both(nn.Module):
    """Spiking layers before a mechanistic one."""

    def __init__(self):
        super().__init__()
        self.spiking = SpikingDense(nn.Linear(12, 16), neurons.make("lif"), None)
        self.ode = Mechanistic(16, 3)

    def forward(self, x):
        return self.ode(kernels.dense(self.spiking(x)))


def test_a_mechanistic_layer_learns_behind_spikes_and_is_compressed_as_any_other():
    torch.manual_seed(0)
    network, x = Both(), (torch.rand(8, 4, 12) < 0.5).float()
    out = network(x)
    assert out.shape == (8, 4, 3)
    assert out.dtype == torch.float32
    out.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    small = spareto.compress(network, spareto.recipes.joint(bits=4, sparsity=0.5))
    for part in (small.ode.coefficients, small.ode.forcing):
        assert len(part.weight.unique()) <= 16
        assert (part.weight == 0).float().mean() >= 0.45
    assert torch.isfinite(small(x)).all()


def test_a_mechanistic_layer_is_the_solution_of_its_own_equation():
    torch.manual_seed(0)
    layer, x = Mechanistic(5, 2, order=1, step=0.3).double(), torch.randn(6, 3, 5, dtype=torch.float64)
    out = layer(x)
    c = torch.zeros(3, 6, 2, 2, 2, dtype=torch.float64)
    c[..., 0, 0, 1] = c[..., 1, 1, 1] = 1
    c[..., 0, 0, 0], c[..., 1, 1, 0] = layer.coefficients(x).transpose(0, 1).unbind(-1)
    v = layer.initial(x[0]).reshape(3, 1, 2, 1)
    h = torch.full((3, 5), 0.3, dtype=torch.float64)
    expected = solve_ode(c, layer.forcing(x).transpose(0, 1), v, h)[..., 0]
    torch.testing.assert_close(out, expected.transpose(0, 1), rtol=1e-6, atol=1e-6)
    with pytest.raises(ShapeError, match=r"\(time, batch, 5\)"):
        layer(x[0])
