"""What every storage format must keep, as functions: call them from the tests of your own format.

`tensor` is any array with at least one element, `spikes` a Boolean array whose first axis is time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isclose

import numpy as np
import numpy.typing as npt

from spareto.formats import Bools, Format, Train, Values


def check_round_trip(fmt: Format, tensor: Values, bits: int) -> None:
    """Decoding gives the tensor back, and `size_of` is the size of the encoding."""
    encoded = fmt.encode(tensor, bits)
    np.testing.assert_array_equal(fmt.decode(encoded), tensor)
    assert encoded.metadata.dtype == np.bool_, f"metadata of type {encoded.metadata.dtype}"
    counts = np.sort(np.unique(tensor[tensor != 0], return_counts=True)[1])[::-1]
    counted, stored = fmt.size_of(tensor != 0, bits, tuple(counts.tolist())), encoded.size(bits)
    assert counted == stored, f"size says {counted}, the encoding takes {stored}"


def check_spike_train(fmt: Format, spikes: Bools) -> None:
    """A spike train comes back from what is stored of it; implied ones are put back by the decoder."""
    encoded = fmt.encode(spikes.astype(np.uint8), fmt.spike_width)
    if fmt.implies_ones:
        assert len(encoded.values) == spikes.sum(), "values that are not the spikes"
        encoded = replace(encoded, values=np.ones(len(encoded.values), np.uint8))
    np.testing.assert_array_equal(fmt.decode(encoded), spikes)
    assert encoded.size(fmt.spike_width) == fmt.size(spikes, fmt.spike_width)


def check_width(fmt: Format, mask: Bools, widths: Sequence[int] = (1, 2, 4, 8, 16, 32)) -> None:
    """Narrower values never take more space."""
    sizes = [fmt.size(mask, bits).bits for bits in widths]
    assert sizes == sorted(sizes), f"{sizes} bits at widths {widths}"


def check_monotone(fmt: Format, mask: Bools, order: Iterable[int], bits: int = 8) -> None:
    """Where the format says so, setting elements to zero one by one (flat indices) never takes more bits."""
    live = mask.copy()
    sizes = [fmt.size(live, bits).bits]
    for place in order:
        live.reshape(-1)[place] = False
        sizes.append(fmt.size(live, bits).bits)
    assert not fmt.monotone or sizes == sorted(sizes, reverse=True), f"{sizes} bits as elements go"


def check_expected(fmt: Format, trains: Sequence[Bools], bits: int, tolerance: float = 0.01) -> None:
    """Counts give the mean size of trains whose elements lie anywhere, silent neurons counted or not."""
    exact = np.mean([fmt.size(spikes, bits).bits for spikes in trains])
    for awake in (True, False):
        expected = np.mean([fmt.expected_bits(counted(spikes, awake=awake), bits) for spikes in trains])
        assert abs(expected - exact) <= tolerance * exact, f"{expected} bits expected, {exact} encoded"


def check_sizes(fmt: Format, masks: Bools, bits: int) -> None:
    """Sizing many tensors together, shape (samples, ...), gives the length of each one's encoding."""
    found = fmt.sizes(masks, bits).tolist()
    encoded = [fmt.encode(mask, bits).size(bits).bits for mask in masks]
    assert found == encoded, f"sizes say {found}, the encodings take {encoded}"


def check_settled(fmt: Format, trains: Bools) -> None:
    """Where the format says so, mean and largest counts give mean and largest size, wherever spikes lie.

    Args:
        fmt: The format.
        trains: Spike trains, shape (samples, T, ...).
    """
    sizes = fmt.sizes(trains, fmt.spike_width)
    each = [counted(train) for train in trains]
    for summary, exact in ((np.mean, sizes.mean()), (np.max, sizes.max())):
        live = float(summary([train.live for train in each]))
        awake = float(summary([train.awake or 0.0 for train in each]))
        found = fmt.spike_bits(Train(each[0].steps, each[0].neurons, live, awake))
        settled = isclose(found, exact, rel_tol=1e-12)
        assert settled or not fmt.follows_from_counts, f"{found} bits from counts, {exact} encoded"


def check_compatible(fmt: Format, elements: float, width: int, fibres: int = 1) -> None:
    """By the density rules, metadata are never negative and grow with the non-zeros."""
    densities: npt.NDArray[np.float64] = np.linspace(0.0, 1.0, 6)
    found = [fmt.compatible_metadata(elements, density, width, fibres) for density in densities]
    assert found == sorted(found), f"{found} bits at rising density"
    assert found[0] >= 0.0


def counted(spikes: Bools, *, awake: bool = True) -> Train:
    """What a workload would hold of a spike train."""
    loud = spikes.any(axis=0)
    return Train(len(spikes), loud.size, float(spikes.sum()), float(loud.sum()) if awake else None)
