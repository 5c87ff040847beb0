"""Time-packed words: a mask of the neurons that are not silent, and one bit per timestep for each of them."""

from __future__ import annotations

import numpy as np

from spareto.formats._base import Bools, Encoded, Format, Size, Train, Values, expected_live_groups


class TimePacked(Format):
    """The first axis is packed: a mask of all places, a T-bit word for each that is not silent, the values.

    On a spike train the first axis is time; on weights it is the output channel.

    Reference:
        yin2024: LoAS keeps all timesteps of a neuron in one word and drops silent neurons.
    """

    locates_zeros = True
    implies_ones = True
    follows_from_counts = True

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Masks of places, their words, non-zero values place by place."""
        places = _places(tensor)
        awake = (places != 0).any(axis=1)
        words = places[awake] != 0
        return Encoded(tensor.shape, places[awake][words], np.concatenate([awake, words.reshape(-1)]))

    def decode(self, encoded: Encoded) -> Values:
        """Values put back where mask and words say."""
        places = np.ascontiguousarray(_places(np.zeros(encoded.shape, encoded.values.dtype)))
        live = np.zeros(places.shape, np.bool_)
        awake, words = encoded.metadata[: len(places)], encoded.metadata[len(places) :]
        live[awake] = words.reshape(-1, places.shape[1])
        places[live] = encoded.values
        return places.T.reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """One bit per place, T bits per place that is not silent, `bits` per non-zero element."""
        places = _places(mask)
        return Size(
            int(np.count_nonzero(mask)) * bits, len(places) + int(places.any(axis=1).sum()) * places.shape[1]
        )

    def expected_bits(self, train: Train, bits: int) -> float:
        """Settled by the counts if the neurons that are not silent were counted."""
        awake = train.awake
        if awake is None:
            awake = expected_live_groups(train.elements, train.live, train.steps)
        return train.neurons + awake * train.steps + train.live * bits

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """A bitmask rank over a bitmask rank, a fibre per place; a word for every element of both."""
        kept = expected_live_groups(round(elements), elements * density, round(elements / fibres))
        return (fibres + kept * elements / fibres) * width


def _places(tensor: Values) -> Values:
    return tensor.reshape(tensor.shape[0], -1).T
