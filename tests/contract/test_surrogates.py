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


def test_the_slope_only_scales_the_derivative(surrogate):
    laws.check_kernel_form(surrogate, grid())


def test_the_surrogates_of_the_kernels_are_numbered_apart():
    numbers = [registry.get(name).kernel for name in registry.names()]
    assert sorted(number for number in numbers if number is not None) == list(range(6))


def test_the_studys_surrogate_is_registered():
    assert "arctan" in registry.names()
