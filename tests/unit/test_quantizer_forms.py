"""The closed forms of our own quantizers."""

import pytest
import torch

from spareto.quantizers import registry

BITS = (2, 3, 4, 8)
WEIGHT = torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def started(name, bits, granularity="per_tensor", weight=WEIGHT):
    quantizer = registry.make(name, bits=bits, granularity=granularity)
    quantizer.start(weight)
    return quantizer


def in_group(values, granularity):
    return values.sum() if granularity == "per_tensor" else values.sum((1, 2, 3))


@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
@pytest.mark.parametrize("bits", BITS)
def test_gradient_of_a_learned_clip(bits, granularity):
    """jain2020: d q / d log a is q - w inside the range, and plus or minus a outside."""
    quantizer = started("learned_clip", bits, granularity)
    quantizer.log_clip.data -= 0.4  # off every weight, and below the largest
    cotangent = torch.randn(WEIGHT.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weight = WEIGHT.clone().requires_grad_()
    quantized = quantizer(weight)
    (quantized * cotangent).sum().backward()
    inside = weight.detach().abs() < quantizer.clip
    assert inside.any()
    assert not inside.all()
    slope = torch.where(inside, quantized - weight, quantizer.clip * weight.sign()).detach()
    expected = in_group(slope * cotangent, granularity)
    torch.testing.assert_close(quantizer.log_clip.grad.flatten(), expected.flatten(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(weight.grad, cotangent * inside, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_gradient_of_a_sign(granularity):
    """The magnitude sees the sum of signs; a weight beyond twice the magnitude sees nothing."""
    quantizer = started("sign", 1, granularity)
    weight = WEIGHT.clone().requires_grad_()
    quantizer(weight).sum().backward()
    expected = in_group(WEIGHT.sign() * quantizer.scale.detach(), granularity)
    torch.testing.assert_close(quantizer.log_scale.grad.flatten(), expected.flatten())
    torch.testing.assert_close(weight.grad, (WEIGHT.abs() <= 2 * quantizer.scale.detach()).double())


UNIFORM = ("learned_clip", "least_error_range", "lsq", "max_range", "percentile_range", "sigma_range")


@pytest.mark.parametrize("name", UNIFORM)
@pytest.mark.parametrize("bits", BITS)
def test_a_uniform_quantizer_is_at_most_half_a_step_off(name, bits):
    quantizer = started(name, bits).eval()
    low, high = quantizer.code_range
    step = quantizer.decode(torch.ones_like(WEIGHT, dtype=torch.int32)).detach()
    inside = (WEIGHT / step > low) & (WEIGHT / step < high)
    assert inside.any()
    assert ((quantizer(WEIGHT).detach() - WEIGHT).abs() / step)[inside].max() <= 0.5 + 1e-6


@pytest.mark.parametrize("bits", BITS)
def test_max_range_maps_the_largest_weight_to_the_largest_code(bits):
    quantizer = started("max_range", bits)
    codes = quantizer.encode(WEIGHT).flatten()
    assert codes[WEIGHT.abs().argmax()].abs() == 2 ** (bits - 1) - 1


def test_the_best_sign_is_the_mean_magnitude():
    """rastegari2016: no other magnitude has a smaller squared error."""
    quantizer = started("sign", 1).eval()
    assert quantizer.scale.item() == pytest.approx(WEIGHT.abs().mean().item())


@pytest.mark.parametrize("bits", [2, 4])
def test_a_learned_clip_starts_where_its_squared_error_is_least(bits):
    quantizer = started("learned_clip", bits).eval()

    def error(factor):
        moved = registry.make("learned_clip", bits=bits)
        moved.load_state_dict({"log_clip": torch.zeros(())})
        moved.log_clip.data = quantizer.log_clip.data + torch.tensor(factor).log()
        return float((moved(WEIGHT) - WEIGHT).square().sum().detach())

    assert all(error(1.0) < error(factor) for factor in (0.5, 0.8, 1.25, 2.0))


def test_pruned_weights_say_nothing_about_the_range():
    weight = torch.tensor([[0.1, -0.2, 9.0]])
    live = torch.tensor([[True, True, False]])
    for name in registry.names():
        bits = max(registry.get(name).bits_supported[0], min(4, registry.get(name).bits_supported[-1]))
        with_pruned, without = (registry.make(name, bits=bits) for _ in range(2))
        with_pruned.start(weight, live)
        without.start(weight[:, :2])
        states = zip(with_pruned.state_dict().values(), without.state_dict().values(), strict=True)
        assert all(torch.equal(one, other) for one, other in states), name


def test_pruned_weights_say_nothing_about_a_range_that_follows_the_weights():
    weight, live = torch.tensor([[0.1, -0.2, 9.0]]), torch.tensor([[True, True, False]])
    for name, bits in (("asymmetric", 4), ("max_range", 4), ("sigma_range", 4), ("ternary", 2)):
        quantizer = started(name, bits, weight=torch.ones(1, 3))
        quantizer.train()(weight, live)
        stayed = started(name, bits, weight=weight[:, :2])
        for buffer, value in quantizer.named_buffers():
            torch.testing.assert_close(value, stayed.get_buffer(buffer), msg=name)


def test_max_range_follows_the_weights_in_training_only():
    quantizer = started("max_range", 4, weight=torch.ones(2, 2))
    before = quantizer.scale.clone()
    quantizer.eval()(3 * torch.ones(2, 2))
    assert torch.equal(quantizer.scale, before)
    quantizer.train()(3 * torch.ones(2, 2))
    torch.testing.assert_close(quantizer.scale, 3 * before)
