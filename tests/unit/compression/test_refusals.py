"""What cannot be compressed is refused by name; half precision and frozen layers are taken as they are."""

import pytest
import torch
from torch import nn

import tiny
from spareto.compression import (
    bake,
    compress,
    compress_and_train,
    compression_report,
    fold_batch_norm,
    shrink,
    weight_bits,
)
from spareto.core.errors import ConfigError
from spareto.pruners import registry as pruners
from spareto.quantizers import registry as quantizers
from spareto.records import LayerFilter, PruneStep, QuantizeStep, Recipe, TrainingPlan
from spareto.widths import stored_bits

JOINT = Recipe(steps=(PruneStep(sparsity=0.5, scope="per_layer"), QuantizeStep(bits=4)))
RULE = "finite numbers. Train it again with a lower learning rate, or load other weights."
ENTRIES = {
    "compress": lambda network: compress(network, JOINT),
    "train": lambda network: compress_and_train(network, Recipe(), tiny.frame_data()),
    "fold": lambda network: fold_batch_norm(network),
    "shrink": lambda network: shrink(network, torch.randn(2, 12)),
}


def message(act, network):
    with pytest.raises(ConfigError) as error:
        act(network)
    return str(error.value).splitlines()


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite(entry, value):
    network = tiny.plain()
    network[0].weight.data[1, 2:4] = value
    network[2].bias.data[0] = value
    assert message(ENTRIES[entry], network) == [
        f"layer '0', weight: got 2 of 96 values that are not finite; expected {RULE}",
        f"layer '2', bias: got 1 of 3 values that are not finite; expected {RULE}",
    ]


def test_statistics_that_are_not_finite():
    network = nn.Sequential(nn.Linear(12, 3), nn.BatchNorm1d(3))
    network[1].running_var[1] = float("inf")
    assert message(ENTRIES["fold"], network) == [
        f"layer '1', running_var: got 1 of 3 values that are not finite; expected {RULE}"
    ]


@pytest.mark.parametrize("entry", ENTRIES)
def test_lazy_layers_that_have_not_run(entry):
    network = nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.Linear(8, 3))
    rule, cure = "weights with a shape", "Run the network once on a sample first."
    assert message(ENTRIES[entry], network) == [
        f"layer '{name}': got a lazy layer that has not run yet; expected {rule}. {cure}" for name in "01"
    ]


def test_a_lazy_layer_that_has_run():
    network = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.Linear(8, 3))
    network(torch.randn(2, 12))
    assert [layer.bits for layer in compression_report(compress(network, JOINT))] == [4, 4]


@pytest.mark.filterwarnings("ignore:Complex modules")
def test_weights_that_are_not_real():
    network = nn.Sequential(nn.Linear(12, 3).to(torch.complex64), nn.Linear(3, 3))
    rule = "floating point of 16, 32 or 64 bits"
    cure = "Convert the network with .float(), or exclude it from compression."
    assert message(ENTRIES["compress"], network) == [
        f"layer '0': got weights of type torch.complex64; expected {rule}. {cure}"
    ]


DTYPES = [torch.float16, torch.bfloat16, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", quantizers.names())
@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_every_quantizer_in_every_precision(name, dtype, granularity):
    bits = min(4, quantizers.get(name).bits_supported[-1])
    network = tiny.plain().to(dtype)
    recipe = Recipe(steps=(QuantizeStep(bits=bits, quantizer=name, granularity=granularity),))
    compressed = compress(network, recipe)
    example = torch.randn(5, 12, dtype=dtype)
    assert compressed[0].weight.dtype == dtype
    optimizer = torch.optim.SGD(compressed.parameters(), lr=0.01)
    compressed(example).float().square().sum().backward()
    optimizer.step()
    output = compressed.eval()(example)
    assert output.dtype == dtype
    assert output.isfinite().all()
    for layer in (compressed[0], compressed[2]):
        rows = [layer.weight] if granularity == "per_tensor" else layer.weight
        assert all(len(row.unique()) <= 2**bits for row in rows)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", pruners.names())
def test_every_pruner_in_every_precision(name, dtype):
    network, example = tiny.plain().to(dtype), torch.randn(5, 12, dtype=dtype)
    recipe = Recipe(steps=(PruneStep(sparsity=0.5, pruner=name, scope="per_layer"),))
    compressed = compress(network, recipe, run=lambda net: net(example).float().square().sum())
    assert compressed(example).dtype == dtype
    assert all(0.3 <= layer.sparsity <= 0.7 for layer in compression_report(compressed))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", quantizers.names())
def test_a_compressed_network_is_made_narrower_or_wider(name, dtype):
    """Its scales stay in single precision: they would not fit into less."""
    bits = min(4, quantizers.get(name).bits_supported[-1])
    network = tiny.plain()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1e-3)
    wide = compress(network, Recipe(steps=(QuantizeStep(bits=bits, quantizer=name),))).eval()
    expected = wide[0].weight.detach()
    wide.to(dtype)
    assert wide[0].weight.dtype == dtype
    near = (wide[0].weight.detach() - expected).abs() <= 0.01 * expected.abs() + 1e-8
    assert near.double().mean() > 0.95  # the others lay between two codes


def test_plain_half_precision_counts_as_it_is():
    for dtype, bits in ((torch.float16, 16), (torch.bfloat16, 16), (torch.float32, 32), (torch.float64, 32)):
        network = tiny.plain().to(dtype)
        assert weight_bits(network[0]) == bits
        assert [layer.bits for layer in compression_report(network)] == [bits, bits]


FROZEN = [
    QuantizeStep(bits=bits, quantizer=name, bias_bits=8)
    for name in quantizers.names()
    for bits in [min(4, quantizers.get(name).bits_supported[-1])]
]


@pytest.mark.parametrize("step", FROZEN, ids=lambda step: step.quantizer)
def test_frozen_layers_do_not_move(step):
    network = tiny.network()
    for parameter in network.features[0].conv.parameters():
        parameter.requires_grad_(False)
    recipe = Recipe(steps=(step,), training=TrainingPlan(epochs=3, batch_size=4, learning_rate=0.05))
    compressed = compress(network, recipe).eval()
    trained = compress_and_train(network, recipe, tiny.frame_data())
    before, after = compressed.state_dict(), trained.state_dict()
    frozen = [name for name in before if name.startswith("features.0.conv.")]
    assert len(frozen) >= 2
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    assert torch.equal(compressed.features[0].conv.weight, trained.features[0].conv.weight)
    moved = [
        name for name in before if name.startswith("readout") and not torch.equal(before[name], after[name])
    ]
    assert moved


@pytest.mark.parametrize("schedule", ["set", "rigl"])
def test_frozen_weights_do_not_grow_again(schedule):
    network = tiny.network()
    network.features[0].conv.weight.requires_grad_(False)
    step = PruneStep(sparsity=0.5, scope="per_layer", schedule={"name": schedule, "options": {"rounds": 4}})
    recipe = Recipe(steps=(step,), training=TrainingPlan(epochs=3, batch_size=4))
    start = compress(network, recipe).features[0].conv.weight
    trained = compress_and_train(network, recipe, tiny.frame_data())
    assert torch.equal(trained.features[0].conv.weight, start)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_baking_keeps_the_width(bits):
    network = compress(tiny.plain(), Recipe(steps=(QuantizeStep(bits=bits, bias_bits=6),))).eval()
    assert stored_bits(network[0]) == (bits, "declared by its quantizer")
    bake(network)
    assert stored_bits(network[0]) == (bits, "carried along from its quantizer")
    assert stored_bits(network[0], "bias") == (6, "carried along from its quantizer")
    assert [layer.bits for layer in compression_report(network)] == [bits, bits]
    assert stored_bits(network.double()[0])[0] == bits
    with torch.no_grad():
        network[0].weight.add_(torch.randn(8, 12))
    assert stored_bits(network[0])[0] == 32


@pytest.mark.parametrize("exclude", [False, True])
def test_masks_inside_neurons_that_take_every_buffer_for_a_state_are_refused(exclude):
    lib = pytest.importorskip("sinabs.layers", reason="needs sinabs")
    network = nn.Sequential(
        nn.Linear(4, 3), lib.LIFRecurrent(tau_mem=9.0, rec_connect=nn.Linear(3, 3)), nn.Linear(3, 2)
    )
    recipe = JOINT.model_copy(update={"layers": LayerFilter(exclude=("1.rec_connect",) if exclude else ())})
    if exclude:
        assert compress(network, recipe)(torch.ones(1, 5, 4)).shape == (1, 5, 2)
        return
    (line,) = message(lambda net: compress(net, recipe), network)
    assert line.startswith("layer '1.rec_connect': got a layer inside of LIFRecurrent, which takes its masks")
    assert line.endswith("Leave it out: layers.exclude: ['1.rec_connect'] in the recipe.")
