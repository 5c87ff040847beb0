"""What every surrogate gradient must keep, as functions: call them from the tests of your own surrogate."""

from __future__ import annotations

import torch
from torch import Tensor

from spareto.neurons.surrogates import Surrogate


def check_derivative(surrogate: Surrogate, x: Tensor, step: float = 1e-6, tolerance: float = 1e-7) -> None:
    """`derivative` is the central difference of `primitive`; `x` is float64, any shape."""
    difference = (surrogate.primitive(x + step) - surrogate.primitive(x - step)) / (2 * step)
    error = float((surrogate.derivative(x) - difference).abs().max())
    assert error <= tolerance, f"the derivative is off its primitive's slope by {error:.2g}"


def check_never_negative(surrogate: Surrogate, x: Tensor) -> None:
    """The derivative is finite and at least 0 everywhere."""
    derivative = surrogate.derivative(x)
    assert bool(torch.isfinite(derivative).all()), "a derivative that is not finite"
    assert bool((derivative >= 0).all()), "a negative derivative"


def check_step(surrogate: Surrogate, far: float = 1e6, tolerance: float = 1e-5) -> None:
    """The primitive rises from 0 far below the threshold to its area far above it, and stays between."""
    x = torch.linspace(-5.0, 5.0, 1001, dtype=torch.float64)
    ends = surrogate.primitive(torch.tensor([-far, far], dtype=torch.float64))
    rising = surrogate.primitive(x)
    assert bool(((rising >= 0) & (rising <= surrogate.area)).all()), "a primitive outside 0 and its area"
    assert bool((rising.diff() >= 0).all()), "a primitive that falls"
    assert abs(float(ends[0])) <= tolerance, f"the primitive starts at {float(ends[0]):g}, not 0"
    missed = abs(float(ends[1]) - surrogate.area)
    assert missed <= tolerance, f"the primitive ends at {float(ends[1]):g}, not {surrogate.area:g}"


def check_kernel_form(surrogate: Surrogate, x: Tensor, tolerance: float = 1e-5) -> None:
    """The derivative is `height · f(slope · x)`, whatever slope `alpha` asks for; `x` is float64."""
    alpha = surrogate.alpha * 1.7
    steeper = type(surrogate)(alpha)
    same_f = surrogate.derivative(x / surrogate.slope) / surrogate.height
    error = float((steeper.derivative(x / steeper.slope) / steeper.height - same_f).abs().max())
    assert error <= tolerance, f"alpha {alpha:g} changes the form of the derivative by {error:.2g}"


def check_pure(surrogate: Surrogate, x: Tensor) -> None:
    """Shape and type are kept, and `x` is left as it was."""
    before = x.clone()
    for result in (surrogate.primitive(x), surrogate.derivative(x)):
        assert result.shape == x.shape, f"{tuple(x.shape)} became {tuple(result.shape)}"
        assert result.dtype == x.dtype, f"{x.dtype} became {result.dtype}"
    assert torch.equal(x, before), "the argument was changed in place"
