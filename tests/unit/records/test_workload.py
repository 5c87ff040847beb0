"""The waist: what a workload holds, and what it refuses."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import workloads
from spareto import hardware
from spareto.core.errors import ConfigError
from spareto.records import (
    FreeLayer,
    Layer,
    Mask,
    Neuron,
    Numbers,
    QuantizeStep,
    Recipe,
    Tensor,
    TrainingPlan,
    Workload,
)
from spareto.records.workload import LayerKind


def spikes(*shape, mean=1.0):
    return Tensor(shape=shape, kind="spike", bits=1, nonzero_mean=mean, nonzero_max=2 * mean)


def layer(**changes):
    weight = np.zeros((4, 3, 3, 3))
    weight[0] = 1.0
    facts = {
        "name": "conv",
        "kind": "conv2d",
        "in_channels": 3,
        "out_channels": 4,
        "kernel": (3, 3),
        "padding": (1, 1),
        "timesteps": 5,
        "weight_bits": 4,
        "weight_mask": Mask.of(weight),
        "input": spikes(3, 6, 7),
        "output": spikes(4, 6, 7),
        "effectual_synops_mean": 10.0,
        "effectual_synops_max": 20.0,
        "neuron": Neuron(kind="lif", count=168),
    }
    return {**facts, **changes}


def workload(*layers):
    free = (FreeLayer(name="pool", kind="MaxPool2d", why="an OR of spikes"),)
    return Workload(network="n", dataset="d", samples=3, timesteps=5, layers=layers, free=free)


@given(
    hnp.arrays(
        np.float32, hnp.array_shapes(max_dims=5, max_side=7), elements=st.sampled_from([0, -0.0, 1, -2.5])
    )
)
def test_a_mask_is_where_a_tensor_is_not_zero(tensor):
    mask = Mask.of(tensor)
    assert mask.shape == tensor.shape
    assert np.array_equal(mask.array(), tensor != 0)
    assert Mask.model_validate_json(mask.model_dump_json()) == mask


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float64])
def test_a_mask_of_any_type_of_number(dtype):
    assert Mask.of(np.eye(3).astype(dtype)) == Mask.of(np.eye(3))


@pytest.mark.parametrize(
    ("mask", "rule"),
    [
        ({"shape": [2, 2], "packed": "!!"}, "one bit an element, compressed with zlib and written in base64"),
        (
            {"shape": [2, 2], "packed": "AAAA"},
            "one bit an element, compressed with zlib and written in base64",
        ),
        (Mask.of(np.ones(9)).to_dict() | {"shape": [3, 9]}, "4 bytes of bits for the shape (3, 9), not 2"),
    ],
)
def test_a_damaged_mask_is_refused(mask, rule):
    with pytest.raises(ConfigError) as error:
        Mask.parse(mask, "mask")
    assert str(error.value).endswith(f"expected {rule}.")


def test_what_follows_from_the_mask():
    record = Layer(**layer())
    assert record.weight_count == 108
    assert record.live_weights == 27
    assert record.weight_sparsity == 0.75
    assert record.dense_synops == 5 * 6 * 7 * 108
    assert (record.effectual_synops(), record.effectual_synops("max")) == (10.0, 20.0)
    assert record.input.size == 3 * 6 * 7
    assert (record.input.nonzero(), record.input.nonzero("max")) == (1.0, 2.0)


def test_the_sparsity_of_a_workload_counts_weights_not_layers():
    ones = np.ones((2, 12, 1, 1))
    dense = layer(kind="linear", name="fc", in_channels=12, out_channels=2, kernel=(1, 1), padding=(0, 0))
    dense |= {"input": spikes(12, 1, 1), "output": spikes(2, 1, 1), "weight_mask": Mask.of(ones)}
    dense |= {"neuron": Neuron(kind="lif", count=2), "effectual_synops_mean": 2, "effectual_synops_max": 4}
    assert workload(Layer(**layer()), Layer(**dense)).weight_sparsity == pytest.approx(81 / (108 + 24))


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": (3, 1)},
        {"in_channels": 2},
        {"out_channels": 3},
        {"groups": 3},
        {"input": spikes(4, 6, 7)},
        {"output": spikes(3, 6, 7)},
    ],
    ids=str,
)
def test_shapes_that_do_not_fit_together_are_refused(change):
    with pytest.raises(ConfigError, match=r"expected (a weight mask of shape|input\.shape\[0\] equal)"):
        Layer.parse(layer(**change), "layer")


@pytest.mark.parametrize(
    "change",
    [
        {"timesteps": 0},
        {"kind": "conv4d"},
        {"weight_bits": 0},
        {"stride": (0, 1)},
        {"padding": (-1, 0)},
        {"effectual_synops_mean": -1.0},
        {"effectual_synops_max": float("nan")},
    ],
    ids=str,
)
def test_numbers_outside_their_range_are_refused(change):
    (key,) = change
    with pytest.raises(ConfigError, match=rf"^layer\.{key}"):
        Layer.parse(layer(**change), "layer")


def test_a_workload_survives_its_file(tmp_path):
    record = workload(Layer(**layer()), Layer(**layer(name="second", neuron=None)))
    record.save(tmp_path / "w.json")
    assert Workload.load(tmp_path / "w.json") == record


def test_a_newer_version_is_refused():
    with pytest.raises(ConfigError) as error:
        Workload.parse(workload(Layer(**layer())).to_dict() | {"version": 2}, "workload")
    assert str(error.value) == "workload.version: got 2; expected one of 1."


def test_numbers_come_back_to_the_bit():
    values = np.random.default_rng(0).normal(size=(3, 4, 2))
    packed = Numbers.of(values)
    assert np.array_equal(packed.array(), values)
    assert Numbers.parse(packed.to_dict(), "numbers") == packed


def test_numbers_of_another_length_are_refused():
    packed = Numbers.of(np.zeros(3)).packed
    with pytest.raises(ConfigError, match=r"32 bytes for the shape \(4,\), not 24"):
        Numbers.parse({"shape": [4], "packed": packed}, "numbers")
    with pytest.raises(ConfigError, match="64-bit numbers, compressed with zlib"):
        Numbers.parse({"shape": [4], "packed": "!"}, "numbers")


def test_a_workload_written_before_places_were_counted_still_loads():
    data = workloads.network().to_dict()
    added = {"touched_updates_mean", "touched_updates_max", "reaching"}
    added_to_tensors = {"nonzero_by_channel", "awake_mean", "awake_max"}
    for layer in data["layers"]:
        for key in added:
            del layer[key]
        for tensor in (layer["input"], layer["output"]):
            for key in added_to_tensors:
                del tensor[key]
    assert Workload.parse(data, "workload") == workloads.network()


def test_reaching_of_another_shape_is_refused():
    data = workloads.layer().to_dict() | {"reaching": Numbers.of(np.zeros((1, 3, 3))).to_dict()}
    with pytest.raises(ConfigError, match=r"reaching of shape \(C, R, S\) = \(8, 3, 3\)"):
        Layer.parse(data, "layer")


def test_layers_of_an_unknown_kind_are_all_listed():
    data = workload(Layer(**layer()), Layer(**layer(name="b"))).to_dict()
    for each in data["layers"]:
        each["kind"] = "conv2"
    with pytest.raises(ConfigError) as error:
        Workload.parse(data, "workload")
    assert str(error.value).splitlines() == [
        f"workload.layers[{place}].kind: got 'conv2'; expected one of {', '.join(get_args(LayerKind))}. "
        "Did you mean 'conv2d'?"
        for place in (0, 1)
    ]


def test_bits_measured_in_storage_formats_come_back():
    measured = spikes(3, 6, 7).model_copy(update={"stored_bits": {"rle": (12.5, 20.0)}})
    assert Tensor.model_validate_json(measured.model_dump_json()) == measured
    assert (measured.stored(), measured.stored("max")) == ({"rle": 12.5}, {"rle": 20.0})


def test_a_workload_from_before_spikes_were_sized_still_loads():
    record = workload(Layer.model_validate(layer()))
    old = record.model_dump(mode="json")
    for tensor in (old["layers"][0]["input"], old["layers"][0]["output"]):
        assert tensor.pop("stored_bits") == {}
    assert Workload.parse(old, "workload") == record
    assert record.layers[0].input.stored() == {}


def test_negative_bits_are_refused():
    data = {**spikes(3, 6, 7).model_dump(), "stored_bits": {"rle": (-1.0, 2.0)}}
    with pytest.raises(ConfigError, match=r"input\.stored_bits\.rle\[0\]: got -1.0"):
        Tensor.parse(data, "input")


def test_a_workload_and_a_cost_are_one_line_in_a_notebook():
    measured = workloads.network(workloads.layer("a"), workloads.layer("b"))
    for text in (
        repr(measured),
        str(measured),
        repr(hardware.cost(measured, "eyeriss_like")),
        repr(hardware.cost_grid([measured], "eyeriss_like", weight_formats=["rle"])),
    ):
        assert len(text) < 120
        assert "2 layers" in text


def test_a_record_shows_what_differs_from_its_defaults():
    assert repr(Recipe(steps=(QuantizeStep(bits=4),))) == "Recipe(steps=(QuantizeStep(bits=4),))"
    assert str(TrainingPlan(epochs=3)) == "TrainingPlan(epochs=3)"
    assert repr(Mask.of([0, 1])) == "Mask(shape=(2,))"
