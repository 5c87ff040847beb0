"""Layers on cores under limits, and the way of their spikes: closed forms against slow twins."""

from itertools import product
from math import ceil, inf

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import workloads
from spareto import hardware
from spareto.core.errors import CapacityError, ConfigError
from spareto.hardware.accelerators import _FOLDER, parse_accelerator
from spareto.hardware.placement import links, route, slices
from spareto.hardware.placement.routes import mean_distance


def boxes(layer, rows, columns, channels):
    """Inputs of every box of a plane cut so, as sets of places."""
    height, width = layer.plane
    group_out, group_in = layer.out_channels // layer.groups, layer.in_channels // layer.groups
    for first in range(0, layer.out_channels, channels):
        outputs = range(first, min(first + channels, layer.out_channels))
        for top, left in product(range(0, height, rows), range(0, width, columns)):
            seen = set()
            for p, q in product(range(top, min(top + rows, height)), range(left, min(left + columns, width))):
                for r, s in product(range(layer.kernel[0]), range(layer.kernel[1])):
                    y = p * layer.stride[0] - layer.padding[0] + r
                    x = q * layer.stride[1] - layer.padding[1] + s
                    if 0 <= y < layer.input.shape[1] and 0 <= x < layer.input.shape[2]:
                        groups = {m // group_out for m in outputs}
                        seen |= {(g * group_in + c, y, x) for g in groups for c in range(group_in)}
            yield len(outputs) * rows * columns, seen


def fewest(layer, neurons, axons):
    """Slow twin: try every even cut of the plane and every number of channels a core."""
    best = inf
    for tall, wide in product(range(1, layer.plane[0] + 1), range(1, layer.plane[1] + 1)):
        rows, columns = ceil(layer.plane[0] / tall), ceil(layer.plane[1] / wide)
        for channels in range(1, layer.out_channels + 1):
            found = list(boxes(layer, rows, columns, channels))
            if all(size <= neurons and len(seen) <= axons for size, seen in found):
                best = min(best, len(found))
    return best


@pytest.mark.parametrize(
    ("shape", "neurons", "axons"),
    [
        ({"channels": (2, 4), "size": 4}, 16, 40),
        ({"channels": (2, 6), "size": 5, "stride": 2}, 8, 50),
        ({"channels": (4, 4), "size": 4, "groups": 4}, 32, 40),
        ({"channels": (3, 5), "size": 4, "kernel": 1}, 20, 12),
        ({"channels": (12, 10), "size": 1, "kernel": 1}, 4, 12),
    ],
)
def test_as_few_cores_as_every_even_cut_allows(shape, neurons, axons):
    layer = workloads.layer(**shape)
    assert slices(layer, neurons, axons).cores == fewest(layer, neurons, axons)


@given(
    channels=st.tuples(st.integers(1, 6), st.integers(1, 9)),
    size=st.integers(3, 6),
    kernel=st.sampled_from([1, 3]),
    stride=st.integers(1, 2),
    neurons=st.integers(1, 60),
    spare=st.integers(0, 60),
)
@settings(max_examples=40, deadline=None)
def test_every_input_goes_to_the_cores_that_need_it_and_no_core_holds_too_much(
    channels, size, kernel, stride, neurons, spare
):
    layer = workloads.layer(channels=channels, size=size, kernel=kernel, stride=stride, sparsity=0.0)
    axons = channels[0] * kernel * kernel + spare
    cut = slices(layer, neurons, axons)
    count = layer.neuron.count
    assert cut.cores >= ceil(count / neurons)
    assert cut.fullest * count <= neurons * (1 + 1e-9)
    assert cut.fullest * cut.cores >= 1 - 1e-9
    copies = {
        round(sum(len(seen) for _, seen in found) / layer.input.size, 9)
        for rows, columns in product(range(1, layer.plane[0] + 1), range(1, layer.plane[1] + 1))
        for each in range(1, layer.out_channels + 1)
        if len(found := list(boxes(layer, rows, columns, each))) == cut.cores
    }
    if kernel >= stride:
        assert round(cut.copies, 9) in copies


def test_more_room_never_takes_more_cores():
    layer = workloads.layer(channels=(8, 32), size=16)
    for sizes in ([(n, 512) for n in (16, 64, 256, 1024)], [(256, a) for a in (72, 144, 300, 2000)]):
        cores = [slices(layer, neurons, axons).cores for neurons, axons in sizes]
        assert cores == sorted(cores, reverse=True)


def test_a_neuron_with_more_inputs_than_a_core_takes_is_split():
    layer = workloads.layer("fc", channels=(600, 10), size=1, kernel=1)
    assert slices(layer, 256, 256).parts == 3
    cost = hardware.cost(workloads.network(layer), hardware.load_accelerator("truenorth"))
    partial = next(a for a in cost.layers[0].actions if a.action == "partial_sum")
    assert partial.count == 10 * 5 * 2  # ten neurons, five timesteps, two sums each beside its own
    assert cost.layers[0].cores >= 3


def test_where_it_may_not_be_split_the_layer_is_refused_with_what_is_too_much():
    data = yaml.safe_load((_FOLDER / "truenorth.yaml").read_text()) | {"wide_neurons": "refuse"}
    network = workloads.network(
        workloads.layer("ok"), workloads.layer("fc", channels=(600, 10), size=1, kernel=1)
    )
    with pytest.raises(ConfigError) as error:
        hardware.cost(network, parse_accelerator(data))
    assert str(error.value) == (
        "layer 'fc': got a fan-in of 600; expected at most 256 on 'truenorth' (over by 344). "
        "Use more channel groups or a smaller kernel."
    )


def test_a_network_too_large_for_all_chips_says_by_how_much_and_what_takes_most():
    data = yaml.safe_load((_FOLDER / "loihi_like.yaml").read_text())
    data["chips"] = {"value": 2, "unit": "instances", "source": "a test"}
    layers = (
        workloads.layer("a", channels=(2, 64), size=64),
        workloads.layer("b", channels=(2, 16), size=32),
    )
    with pytest.raises(CapacityError) as error:
        hardware.cost(workloads.network(*layers), parse_accelerator(data))
    assert str(error.value) == (
        "loihi_like.cores: got a network of 272 cores; expected at most 256 on 2 chips (over by 16). "
        "Use a smaller network or narrower weights. Layer 'a' takes 256 of them."
    )


def test_several_chips_leak_each_and_are_joined_by_links():
    data = yaml.safe_load((_FOLDER / "loihi_like.yaml").read_text())
    data["chips"] = {"value": 4, "unit": "instances", "source": "a test"}
    for part in data["components"]:
        if part["kind"] == "router":
            part["link_energy"] = {"value": 100, "unit": "pJ", "source": "a test"}
    chip = parse_accelerator(data)
    one = hardware.cost(workloads.network(workloads.layer(channels=(2, 16), size=32)), chip)
    two = hardware.cost(workloads.network(workloads.layer(channels=(2, 64), size=64)), chip)
    assert one.pipeline.static_pj_per_cycle == {"leakage": 104.4}
    assert two.pipeline.static_pj_per_cycle == {"leakage": 208.8}
    layers = [workloads.layer(f"fc{i}", channels=(1024, 1024), size=1, kernel=1, bits=9) for i in range(8)]
    chain = hardware.cost(workloads.network(*layers), chip)
    crossed = [{a.action: a.count for a in layer.actions}.get("link", 0.0) for layer in chain.layers]
    spikes, cores = layers[0].input.nonzero_mean, 9  # 1024 x 1024 weights of 9 bits in 128 KB each
    assert crossed == pytest.approx([0.0] * 8)  # 72 cores fit on one chip
    next(part for part in data["components"] if part["kind"] == "cores")["instances"]["value"] = 27
    few = parse_accelerator(data)
    chain = hardware.cost(workloads.network(*layers), few)
    crossed = [{a.action: a.count for a in layer.actions}.get("link", 0.0) for layer in chain.layers]
    assert crossed == pytest.approx([spikes * cores * (place in (3, 6)) for place in range(8)])


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_the_mean_distance_of_a_square_of_stops(side):
    places = list(product(range(side), repeat=2))
    walked = np.mean([abs(a - c) + abs(b - d) for (a, b), (c, d) in product(places, repeat=2)])
    assert mean_distance(side * side) == pytest.approx(walked)


def tree(source, targets):
    """Slow twin: links of the mesh that a spike crosses, along x first, each once."""
    links = set()
    for target in targets:
        x, y = source
        while x != target[0]:
            step = 1 if target[0] > x else -1
            links.add(((x, y), (x + step, y)))
            x += step
        while y != target[1]:
            step = 1 if target[1] > y else -1
            links.add(((x, y), (x, y + step)))
            y += step
    return len(links)


@pytest.mark.parametrize(("side", "block"), [(4, 1), (4, 2), (6, 3), (8, 2), (8, 4), (12, 3)])
def test_a_branching_spike_crosses_as_many_links_as_a_walk_over_a_placed_block(side, block):
    walked = [
        tree(source, [(x + i, y + j) for i, j in product(range(block), repeat=2)])
        for source in product(range(side), repeat=2)
        for x, y in product(range(side - block + 1), repeat=2)
    ]
    half = side * side // 2
    ours = route(block * block, (half, side * side - half), 10**6, routing="multicast").hops
    assert ours == pytest.approx(np.mean(walked), rel=0.17)


@given(
    copies=st.floats(1, 500), source=st.integers(1, 300), target=st.integers(1, 300), chip=st.integers(1, 300)
)
def test_a_branching_spike_never_travels_further_than_its_copies_one_by_one(copies, source, target, chip):
    many, one = (route(copies, (source, target), chip, routing=kind) for kind in ("unicast", "multicast"))
    assert one.hops <= many.hops
    assert one.deliveries == many.deliveries
    wider = route(copies + 1, (source, target + 5), chip)
    assert wider.hops >= many.hops


@given(
    sizes=st.tuples(*[st.integers(1, 30)] * 4),
    chip=st.integers(1, 20),
)
def test_links_are_those_of_all_pairs_of_cores(sizes, chip):
    """Slow twin: every core of the one layer sends a spike to every core of the other."""
    first, source, gap, target = sizes
    one, other = (first, first + source), (first + source + gap, first + source + gap + target)
    from_, to = ([core // chip for core in range(*span)] for span in (one, other))
    apart = sum(a != b for a, b in product(from_, to)) / source
    once = sum(len(set(to) - {a}) for a in from_) / source
    assert links(target, one, other, chip, "unicast") == pytest.approx(apart)
    assert links(target, one, other, chip, "multicast") == pytest.approx(once)
    assert links(1, one, other, chip, "multicast") <= links(1, one, other, chip, "unicast") + 1e-12


def test_work_is_cut_for_the_weights_it_would_have_unpruned_at_full_width():
    """4096 x 512 synapses of 9 bits fill 18 cores of 128 KB, though the 512 neurons would fit on one."""
    chip = hardware.load_accelerator("loihi_like")
    costs = [
        hardware.cost(
            workloads.network(
                workloads.layer("fc", channels=(4096, 512), size=1, kernel=1, bits=bits, sparsity=share)
            ),
            chip,
            weight_format="bitmask",
        )
        for bits, share in ((9, 0.0), (2, 0.9))
    ]
    for cost in costs:
        sent = {a.action: a.count for a in cost.layers[0].actions}
        assert sent["spike"] == pytest.approx(18 * cost_events(cost))
    assert [cost.layers[0].cores for cost in costs] == [20, 3]  # with a bit a weight of mask
    assert costs[0].pipeline.crowding == 1.0


def cost_events(cost):
    """Inputs of the layer above: 4096 in 5 timesteps at a rate of 0.1, drawn once."""
    layer = workloads.layer("fc", channels=(4096, 512), size=1, kernel=1)
    return layer.input.nonzero_mean if cost.layers else 0.0


def test_layers_cut_for_more_cores_than_there_are_share_them():
    chip = hardware.load_accelerator("loihi_like")
    layers = [workloads.layer(f"fc{i}", channels=(4096, 512), size=1, kernel=1, bits=1) for i in range(10)]
    few, many = (hardware.cost(workloads.network(*layers[:count]), chip) for count in (5, 10))
    assert (few.pipeline.crowding, many.pipeline.crowding) == (1.0, 180 / 128)
    assert many.step_cycles > few.step_cycles
