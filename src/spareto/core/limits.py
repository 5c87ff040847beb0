"""How large numbers may be: far beyond any use, and small enough to be counted with. See `core/bounds.py`."""

from __future__ import annotations

from typing import Final

MOST_COUNTED: Final = 1_000_000_000
"""Samples, epochs, channels or timesteps: what is walked through one by one."""

MOST_STORED: Final = 1 << 48
"""Elements, bits or microseconds: what is only multiplied."""

MOST_AMOUNT: Final = 1e100
"""Energies, cycles and other sums; a thousand products of them are still numbers."""

MOST_SEED: Final = (1 << 63) - 1

MOST_WORKERS: Final = 100_000
"""Processes or threads that work at once."""
