"""How many words compressed rows of weights take."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def words_of(live: npt.NDArray[np.bool_], units: int) -> npt.NDArray[np.int64]:
    """Words of each input: as many as its busiest unit has weights; unit u has the channels u, u + units, ...

    Args:
        live: Where weights are not zero, shape (channels, inputs).
        units: Neurons that are computed at the same time.
    """
    channels, inputs = live.shape
    return live.T.reshape(inputs, channels // units, units).sum(1).max(1).astype(np.int64)
