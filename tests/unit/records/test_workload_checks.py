"""A workload whose figures contradict each other is refused, and both figures are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workloads
from spareto.core.errors import ConfigError
from spareto.records import Layer, Mask, Neuron, Numbers, Product, Tensor, Workload

LAYER = workloads.layer(channels=(4, 6), size=6, sparsity=0.5, rate=0.2)
DENSE = 5 * 6 * 4 * 16 * 16  # T x M x C x the sixteen places of the kernel that meet six pixels, both ways


def tensor(shape=(2, 1, 1), **changes):
    facts = {"shape": shape, "kind": "spike", "bits": 1, "nonzero_mean": 1.0, "nonzero_max": 1.0}
    return Tensor(**{**facts, **changes})


def of(nonzero):
    return {"nonzero_mean": float(nonzero), "nonzero_max": float(nonzero)}


def refused(record, changes, where="layer"):
    with pytest.raises(ConfigError) as error:
        type(record).parse(record.to_dict() | changes, where)
    return str(error.value)


@pytest.mark.parametrize("statistic", ["mean", "max"])
@pytest.mark.parametrize("kind", ["effectual_synops", "reached_synops"])
def test_more_operations_than_the_dense_layer_has(kind, statistic):
    full = workloads.layer(channels=(4, 6), size=6, sparsity=0.0, rate=1.0)
    assert full.dense_synops_inside == DENSE == full.effectual_synops_mean
    given = {f"{kind}_mean": DENSE, f"{kind}_max": DENSE}
    assert Layer.parse(full.to_dict() | given, "layer").dense_synops_inside == DENSE
    text = refused(full, given | {f"{kind}_{statistic}": DENSE + 1, f"{kind}_max": DENSE + 1})
    assert f"layer.{kind}_{statistic}: got {DENSE + 1}; expected at most {DENSE} (of the dense layer" in text


def test_operations_that_meet_dead_weights():
    text = refused(LAYER, {"weight_mask": Mask.of(np.zeros((6, 4, 3, 3))).to_dict()})
    assert "expected at most 0 (of the dense layer's 30720 that meet a live weight)" in text


def test_more_operations_than_the_inputs_can_cause():
    few = LAYER.to_dict()["input"] | {"nonzero_mean": 1.0, "nonzero_max": 1.0, "nonzero_per_timestep": []}
    text = refused(LAYER, {"input": few})
    assert "expected at most 54 (1 inputs x 54 weights)" in text


def test_effectual_operations_beyond_those_that_are_reached():
    most = LAYER.effectual_synops_max
    text = refused(LAYER, {"reached_synops_mean": 1.0, "reached_synops_max": most})
    assert "expected at most 1 (that are reached)" in text


@given(
    size=st.integers(1, 12), kernel=st.integers(1, 4), stride=st.integers(1, 3), padding=st.integers(0, 2),
    claimed=st.integers(1, 12),
)  # fmt: skip
def test_an_output_plane_follows_from_input_kernel_stride_and_padding(size, kernel, stride, padding, claimed):
    plane = (size + 2 * padding - kernel) // stride + 1
    facts = {
        "name": "l", "kind": "conv2d", "in_channels": 2, "out_channels": 2, "kernel": (kernel, 1),
        "stride": (stride, 1), "padding": (padding, 0), "timesteps": 3, "weight_bits": 8,
        "weight_mask": Mask.of(np.ones((2, 2, kernel, 1))), "input": tensor((2, size, 1)),
        "output": tensor((2, claimed, 1)), "effectual_synops_mean": 0, "effectual_synops_max": 0,
    }  # fmt: skip
    if claimed == plane:
        assert Layer(**facts).plane == (plane, 1)
        return
    with pytest.raises(ConfigError, match=f"got a plane of {claimed} x 1; expected {plane} x 1, from"):
        Layer(**facts)
    pooled = facts | {"own_plane": (claimed, 1), "output": tensor((2, 1, 1))}
    with pytest.raises(ConfigError, match=rf"own_plane: got a plane of {claimed} x 1; expected {plane} x 1"):
        Layer(**pooled)


@pytest.mark.parametrize("name", ["effectual_synops", "reached_synops", "touched_updates"])
def test_a_maximum_below_its_mean(name):
    text = refused(LAYER, {f"{name}_mean": 9.0, f"{name}_max": 8.0})
    assert f"layer.{name}_max: got a maximum of 8; expected at least the mean, 9." in text


@pytest.mark.parametrize(
    ("changes", "where", "told"),
    [
        ({"nonzero_max": 0.5}, "nonzero_max", "a maximum of 0.5; expected at least the mean, 1"),
        ({"awake_mean": 1.0, "awake_max": 0.5}, "awake_max", "a maximum of 0.5; expected at least the mean"),
        ({"awake_mean": 1.0}, "awake_mean", "1.0 beside a maximum of None; expected both or none"),
        ({"awake_mean": 1.0, "awake_max": 3.0}, "awake_max", "3; expected at most 2 (elements)"),
        ({"awake_mean": 1.5, "awake_max": 2.0}, "awake_mean", "1.5; expected at most 1 (non-zero elements)"),
        ({"stored_bits": {"rle": (9, 8)}}, "stored_bits.rle", "a maximum of 8; expected at least the mean"),
        ({"awake_windows": [(1, 1), (3, 2)]}, "awake_windows[1]", "a maximum of 2; expected at least"),
        ({"awake_windows": [(2, 2)]}, "awake_windows[0]", "a sum of 2; expected 1, the mean of non-zero"),
        ({"nonzero_per_timestep": (0.5, 0.6)}, "nonzero_per_timestep", "a sum of 1.1; expected 1, the mean"),
        ({"nonzero_mean": 3, "nonzero_max": 3, "nonzero_per_timestep": (3.0,)},
         "nonzero_per_timestep[0]", "3; expected at most 2 (elements)"),
        ({"nonzero_by_channel": Numbers.of([[0.1, 0.2]])}, "nonzero_by_channel", "a sum of 0.3; expected 1"),
        ({"bits": 4}, "bits", "4 bits a spike; expected 1, or kind 'analog'"),
    ],
)  # fmt: skip
def test_figures_of_a_tensor_that_do_not_agree(changes, where, told):
    with pytest.raises(ConfigError) as error:
        tensor(**changes)
    assert f"Tensor.{where}: got {told}" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nonzero_max": 721}, "nonzero_max: got 721; expected at most 720 (144 elements x 5 timesteps)"),
        ({"nonzero_per_timestep": (0, 1)}, "nonzero_per_timestep: got 2 entries; expected one for each of 5"),
        ({"awake_windows": ((1, 1), (1, 1))}, "awake_windows: got 2 entries; expected one for each of 5"),
        (
            {"nonzero_by_channel": Numbers.of([[0.5, 0.5]])},
            "got shape (1, 2); expected shape (T, C) = (5, 4)",
        ),
        (
            {"nonzero_by_channel": Numbers.of([[0] * 4] * 4 + [[37, 0, 0, 0]]), **of(37)},
            "nonzero_by_channel: got 37; expected at most 36 (elements of a channel)",
        ),
        (
            {"awake_mean": 2, "awake_max": 2, **of(11)},
            "nonzero_mean: got 11; expected at most 10 (2 elements",
        ),
        (
            {"awake_windows": ((4, 4), (9, 9), (9, 9), (9, 9), (9, 9)), **of(4)},
            "[1]: got 9; expected at most 8",
        ),
        (
            {"awake_windows": ((4, 4), (4, 4), (3, 3), (4, 4), (4, 4)), **of(4)},
            "[2]: got 3; expected at least",
        ),
        (
            {
                "awake_windows": ((4, 4), (4, 4), (6, 6), (4, 4), (4, 4)),
                "awake_mean": 1,
                "awake_max": 1,
                **of(4),
            },
            "[2]: got 6; expected at most 5 (of 4 elements that are not zero)",
        ),
    ],
)
def test_figures_of_a_tensor_that_its_layer_contradicts(changes, told):
    odd = tensor((4, 6, 6), **changes).to_dict()
    text = refused(LAYER, {"input": odd, "effectual_synops_mean": 0, "effectual_synops_max": 0})
    assert told in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"groups": 3}, "in_channels: got 4; expected a multiple of the 3 groups"),
        ({"kind": "linear"}, "kernel: got (3, 3); expected (1, 1) for a linear layer"),
        ({"neuron": Neuron(kind="lif", count=7).to_dict()},
         "neuron.count: got 7 neurons; expected as many as the output has elements, 216"),
        ({"touched_updates_mean": 1, "touched_updates_max": 1081},
         "touched_updates_max: got 1081; expected at most 1080 (outputs, all timesteps)"),
        ({"reaching": Numbers.of(np.ones((4, 3, 3))).to_dict()}, "the mean of effectual operations"),
    ],
)  # fmt: skip
def test_figures_of_a_layer_that_do_not_agree(changes, told):
    assert told in refused(LAYER, changes)


def network(*layers, **changes):
    facts = {"network": "n", "dataset": "d", "samples": 1, "timesteps": 5, "layers": layers}
    return Workload(**{**facts, **changes})


def test_a_layer_without_a_name():
    with pytest.raises(ConfigError, match=r"layers\[1\]\.name: got ''; expected a name"):
        network(LAYER, workloads.layer(""))


@pytest.mark.parametrize("timesteps", [2, 4, 6, 10])
def test_timesteps_that_differ_between_layers(timesteps):
    other = workloads.layer("b", timesteps=timesteps)
    with pytest.raises(ConfigError, match=rf"layers\[1\]\.timesteps: got {timesteps}; expected 5 as the"):
        network(LAYER, other)


def test_a_layer_may_run_once_an_inference():
    assert len(network(LAYER, workloads.layer("b", timesteps=1), workloads.row()).layers) == 3


def test_no_layers_and_names_that_stand_twice():
    with pytest.raises(ConfigError, match=r"Workload\.layers: got none; expected at least one layer\."):
        network()
    with pytest.raises(ConfigError, match=r"layers\[2\]\.name: got 'conv' a second time; expected different"):
        network(LAYER, workloads.layer("b"), LAYER)


def test_weights_that_are_shared_with_nobody_or_with_others():
    sharing = LAYER.model_copy(update={"name": "b", "shares": "conv"})
    assert network(LAYER, sharing).layers[1].shares == "conv"
    for before in (workloads.layer("else"), sharing.model_copy(update={"shares": None})):
        with pytest.raises(ConfigError, match=r"shares: got 'conv'; expected the name of an earlier layer"):
            network(before, sharing.model_copy(update={"name": "c"}), LAYER)
    other = workloads.layer("conv", channels=(4, 6), size=6, seed=1)
    with pytest.raises(ConfigError, match="got other weights than 'conv'; expected the same mask and width"):
        network(other, sharing)


def product(**changes):
    facts = {
        "name": "attention", "rows": 3, "inner": 4, "columns": 5, "repeats": 2, "timesteps": 5,
        "left": tensor((2, 3, 4), nonzero_mean=8, nonzero_max=120),
        "right": tensor((2, 4, 5), nonzero_mean=9, nonzero_max=200), "output": tensor((2, 3, 5)),
        "operation": "and", "effectual_mean": 10.0, "effectual_max": 600.0,
    }  # fmt: skip
    return Product(**{**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"effectual_max": 601.0}, "effectual_max: got 601; expected at most 600 (120 elements x 5 that"),
        ({"effectual_mean": 28.0}, "effectual_mean: got 28; expected at most 27 (9 elements x 3 that"),
        ({"effectual_mean": 41.0}, "effectual_mean: got 41; expected at most 40 (8 elements x 5 that"),
        (
            {"neuron": Neuron(kind="if", count=29)},
            "count: got 29 neurons; expected as many as the output has",
        ),
        ({"effectual_max": 9.0}, "got a maximum of 9; expected at least the mean, 10"),
        ({"left": tensor((2, 4, 4))}, r"left.shape: got (2, 4, 4); expected (2, 3, 4)"),
        ({"right": tensor((2, 4, 5), nonzero_max=201)}, "right.nonzero_max: got 201; expected at most 200"),
    ],
)
def test_a_product_that_contradicts_itself(changes, told):
    assert product().dense == 600
    with pytest.raises(ConfigError) as error:
        product(**changes)
    assert told in str(error.value)


def test_a_product_is_part_of_its_network():
    few, more = (tensor(shape, nonzero_mean=8, nonzero_max=80) for shape in ((2, 3, 4), (2, 4, 5)))
    with pytest.raises(ConfigError, match=r"products\[0\]\.timesteps: got 4; expected 5 as the workload has"):
        network(LAYER, products=(product(timesteps=4, effectual_max=200, left=few, right=more),))
    with pytest.raises(ConfigError, match=r"products\[0\]\.name: got 'conv' a second time"):
        network(LAYER, products=(product(name="conv"),))


def test_every_contradiction_of_a_file_is_listed():
    data = workloads.network().to_dict()
    data["layers"][0]["effectual_synops_max"] = 0.5
    data["layers"][1]["input"]["nonzero_max"] = 1e9
    data["layers"][2]["output"]["shape"] = [10, 2, 1]
    with pytest.raises(ConfigError) as error:
        Workload.parse(data, "workload")
    wheres = [problem.where for problem in error.value.problems]
    assert "workload.layers[0].effectual_synops_max" in wheres
    assert "workload.layers[1].input.nonzero_max" in wheres
    assert "workload.layers[2].output.shape" in wheres


def test_sizes_that_no_counter_holds_are_refused():
    one = np.ones((1, 1, 1, 1))
    huge = tensor((1, 10**9, 10**9), nonzero_mean=0, nonzero_max=0)
    with pytest.raises(ConfigError, match=r"got 1e\+21 operations; expected at most 1.15e\+18"):
        Layer(
            name="l", kind="conv2d", in_channels=1, out_channels=1, kernel=(1, 1), timesteps=1000,
            weight_bits=8, weight_mask=Mask.of(one), input=huge, output=huge, effectual_synops_mean=0,
            effectual_synops_max=0,
        )  # fmt: skip
