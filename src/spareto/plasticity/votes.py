"""From spikes of neurons that know no classes to a class: labels of training images decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Vote = Literal["all", "proportion"]
NOBODY = -1


@dataclass(frozen=True)
class Classes:
    """What neurons stand for.

    Args:
        of_neuron: Class for which a neuron spiked most on average, -1 for one that never spiked; (neurons,).
        proportions: Share of each class in a neuron's mean spikes; (neurons, classes), rows of sum 1 or 0.
    """

    of_neuron: npt.NDArray[np.int64]
    proportions: npt.NDArray[np.float64]

    def decide(self, spikes: npt.NDArray[np.integer], vote: Vote) -> npt.NDArray[np.int64]:
        """The class of each image.

        Args:
            spikes: Shape (images, neurons).
            vote: `all`: most spikes a neuron of its class; `proportion`: each spike counts for all classes by
                the neuron's proportions. The first of equal ones.

        Returns:
            Shape (images,).
        """
        if vote == "proportion":
            return (spikes @ self.proportions).argmax(1)
        classes = self.proportions.shape[1]
        member = self.of_neuron[:, None] == np.arange(classes)
        return (spikes @ (member / np.maximum(member.sum(0), 1))).argmax(1)


def assign(spikes: npt.NDArray[np.integer], labels: npt.NDArray[np.int64], classes: int) -> Classes:
    """Find out what neurons stand for.

    Args:
        spikes: What training images make of them, shape (images, neurons).
        labels: Of these images, shape (images,).
        classes: How many there are.
    """
    member = labels == np.arange(classes)[:, None]
    means = member @ spikes.astype(np.float64) / np.maximum(member.sum(1), 1)[:, None]
    total = means.sum(0)
    of_neuron = np.where(total > 0, means.argmax(0), NOBODY)
    return Classes(of_neuron, (means / np.where(total > 0, total, 1)).T)
