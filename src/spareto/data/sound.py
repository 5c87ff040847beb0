"""Sounds from `.wav` files."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.io import wavfile

from spareto.core.errors import DataError, Problem
from spareto.data.folder import require

RULE = "a WAV file of whole or real numbers"


def read_wav(path: Path) -> tuple[npt.NDArray[np.float64], float]:
    """The samples of a file, shape (samples,), and how many there are a second; channels are averaged.

    Raises:
        DataError: The file is missing, empty, truncated or of another format.
    """
    require(path, RULE, "Check the path.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except Exception as error:  # a damaged file fails in many ways
        got = f"a truncated or damaged file ({' '.join(str(error).split())[:100] or type(error).__name__})"
        raise DataError(Problem(str(path), got, RULE, "Copy it again.")) from None
    heard = np.asarray(samples, np.float64)
    heard = heard.mean(1) if heard.ndim == 2 else heard
    if not len(heard) or not np.isfinite(heard).all() or not 0 < rate <= 1_000_000:
        got = f"{len(heard)} samples at {rate} Hz"
        raise DataError(Problem(str(path), got, "finite samples at up to 1 MHz", "Copy it again."))
    return heard, float(rate)
