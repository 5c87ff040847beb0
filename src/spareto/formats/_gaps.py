"""Where the non-zero elements of many tensors lie, as far as the sizes of stored tensors depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Gaps:
    """What is counted of many tensors of one shape; k goes from 1 to `levels(elements)`.

    Args:
        shape: Of one tensor.
        live: Non-zero elements, shape (samples,).
        padding: Over all non-zero elements the sum of `zeros before it >> k`, shape (samples, levels).
        blocks: Blocks of 2^k elements that are not all zero, shape (samples, levels).
    """

    shape: tuple[int, ...]
    live: Numbers
    padding: Numbers
    blocks: Numbers

    @classmethod
    def of(cls, masks: npt.NDArray[np.bool_]) -> Gaps:
        """Count them.

        Args:
            masks: Whether an element is not zero, shape (samples, ...).
        """
        flat = masks.reshape(len(masks), -1)
        ranks = range(1, levels(flat.shape[1]) + 1)
        places = np.flatnonzero(flat)
        sample = places // max(1, flat.shape[1])
        runs = _runs_in_each(places, sample, flat.shape[1])
        padding = [np.bincount(sample, runs >> k, minlength=len(flat)) for k in ranks]
        blocks = [_blocks(places - sample * flat.shape[1], sample, k, len(flat)) for k in ranks]
        live = np.bincount(sample, minlength=len(flat))
        return cls(
            masks.shape[1:], live, np.stack(padding, 1).astype(np.int64), np.stack(blocks, 1).astype(np.int64)
        )

    def left_out(self, k: int) -> Numbers:
        """The sums of `zeros before it >> k` for any k above 0."""
        return self.padding[:, k - 1] if k <= self.padding.shape[1] else np.zeros_like(self.live)

    def kept(self, k: int) -> Numbers:
        """Blocks of 2^k elements that are not all zero, for any k."""
        if k == 0:
            return self.live
        return self.blocks[:, k - 1] if k <= self.blocks.shape[1] else np.minimum(self.live, 1)

    @property
    def elements(self) -> int:
        """Elements of one tensor, zeros included."""
        return prod(self.shape)


def levels(elements: int) -> int:
    """The bits of the largest place in a tensor, at least 1: more would cut nothing."""
    return max(1, (elements - 1).bit_length())


def _runs_in_each(places: Numbers, sample: Numbers, elements: int) -> Numbers:
    """Zeros before each non-zero element in its own tensor; `places` counts through all of them."""
    before = np.concatenate([[-1], places[:-1]])
    return places - np.maximum(before, sample * elements - 1) - 1


def _blocks(places: Numbers, sample: Numbers, k: int, samples: int) -> Numbers:
    """Blocks of 2^k elements that hold any of these places, of each sample."""
    block = places >> k
    new = np.ones(len(places), np.bool_)
    new[1:] = (block[1:] != block[:-1]) | (sample[1:] != sample[:-1])
    return np.bincount(sample[new], minlength=samples)
