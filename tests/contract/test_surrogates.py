"""Every registered surrogate keeps the laws; a new file in neurons/surrogates/ is tested here unasked."""

import pytest
import torch

from spareto.neurons.surrogates import registry
from spareto.testing import surrogates as laws


@pytest.fixture(params=registry.names())
def surrogate(request):
    return registry.make(request.param)


def grid(dtype=torch.float64):
    # off the round numbers, where a piecewise surrogate may have a kink
    return torch.linspace(-4.0137, 4.0251, 999, dtype=dtype)


def test_derivative_is_the_slope_of_the_primitive(surrogate):
    laws.check_derivative(surrogate, grid())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_derivative_is_never_negative(surrogate, dtype):
    laws.check_never_negative(
        surrogate, torch.cat([grid(dtype), torch.tensor([0.0, -1e18, 1e18], dtype=dtype)])
    )


def test_primitive_rises_from_0_to_1(surrogate):
    laws.check_step(surrogate)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_argument_is_left_alone(surrogate, dtype):
    laws.check_pure(surrogate, grid(dtype).reshape(9, 111))


def test_the_studys_surrogate_is_registered():
    assert "arctan" in registry.names()
