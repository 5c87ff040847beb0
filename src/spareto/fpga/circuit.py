"""What is built, as data: stages of neurons and poolings over spikes of one bit.

Every wire is a row of bits. A stage's spikes lie pixel after pixel, channels innermost; the network's input
lies as its frames do, channel after channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from spareto.integer.network import Ints
from spareto.integer.semantics import Semantics

Inputs = Literal["scan", "event", "compressed"]
"""Every input in turn; only those that spiked; only those, and only weights that are not zero."""


@dataclass(frozen=True, eq=False)
class Window:
    """Which inputs a neuron sees; all its neurons see as many.

    Args:
        inputs: Bits of the wire that is read.
        offsets: Of each tap, from the window's origin, ascending; shape (taps,).
        columns: Of each tap, the column of the weights it takes; shape (taps,).
        origins: Of each position, where its window begins; shape (positions,). It may lie outside.
        valid: Whether a tap lies inside at a position, shape (positions, taps); None where all do.
        rows: Places in two dimensions, for the address generator; None for a dense layer.
    """

    inputs: int
    offsets: Ints
    columns: Ints
    origins: Ints
    valid: Ints | None = None
    rows: Grid | None = None

    @property
    def positions(self) -> int:
        """Pixels of the output."""
        return len(self.origins)

    @property
    def taps(self) -> int:
        """Inputs of a neuron, those in the padding included."""
        return len(self.offsets)

    @property
    def plain(self) -> bool:
        """Whether tap n reads input n and takes column n: a dense layer."""
        every = np.arange(self.inputs)
        alike = np.array_equal(self.offsets, every) and np.array_equal(self.columns, every)
        return self.positions == 1 and self.origins[0] == 0 and alike and self.valid is None

    def addresses(self) -> Ints:
        """Input of each position and tap; −1 in the padding."""
        found = self.origins[:, None] + self.offsets
        return found if self.valid is None else np.where(self.valid, found, -1)


@dataclass(frozen=True, eq=False)
class Grid:
    """Two-dimensional places of windows.

    Args:
        tap_rows: Rows of each tap from the window's origin.
        tap_columns: Columns of each tap from the window's origin.
        first: Row and column of the first window's origin; not above 0.
        stride: Rows and columns from one window to the next.
        size: Rows and columns of the output.
        limits: Rows and columns of the map that the windows slide over.
        step: Bits from a window to its right neighbour.
        line: Bits from the first window of a line to that of the next.
    """

    tap_rows: Ints
    tap_columns: Ints
    first: tuple[int, int]
    stride: tuple[int, int]
    size: tuple[int, int]
    limits: tuple[int, int]
    step: int
    line: int


@dataclass(frozen=True, eq=False)
class Neurons:
    """A stage: weights and the neurons behind them.

    Args:
        name: Dotted name in the float network.
        source: The wire it reads: −1 for the input, else a stage.
        semantics: What a timestep means.
        window: Which inputs a neuron sees.
        weights: int64, shape (channels, columns).
        threshold: Of each channel, with `digits`; shape (channels,).
        reset: What a spike takes off, or the value it leaves, of each channel, with `digits`.
        bias: Added each timestep, of each channel, with `digits`.
        multiplier: Of each channel's sums, not negative; None where a sum is what enters the neuron.
        feedback: Recurrent weights, shape (channels, channels), for stages of one position.
        feedback_multiplier: Of each channel's recurrent sums, where there is a `multiplier`.
        most: A stored state lies within −most to most; None for all that its bits hold.
        start: Potential before the first timestep.
        units: Channels that are computed at the same time.
        reads: How inputs are read.
    """

    name: str
    source: int
    semantics: Semantics
    window: Window
    weights: Ints
    threshold: Ints
    reset: Ints
    bias: Ints
    multiplier: Ints | None = None
    feedback: Ints | None = None
    feedback_multiplier: Ints | None = None
    most: int | None = None
    start: int = 0
    units: int = 1
    reads: Inputs = "scan"

    @property
    def channels(self) -> int:
        """Neurons at each position."""
        return len(self.weights)

    @property
    def outputs(self) -> int:
        """Bits of its wire."""
        return self.channels * self.window.positions

    @property
    def blocks(self) -> int:
        """How often the units are used for each position."""
        return self.channels // self.units

    @property
    def passes(self) -> int:
        """How often the units are used in a timestep."""
        return self.blocks * self.window.positions

    @property
    def loads(self) -> bool:
        """Whether a pass takes a cycle to fetch its states, its window's place or its first event."""
        return self.passes > 1 or not self.window.plain or self.reads == "event"

    @property
    def scatters(self) -> bool:
        """Whether spikes are handed to the neurons they reach, whose sums lie in memories."""
        return self.reads == "compressed" or (self.reads == "event" and not self.window.plain)

    @property
    def low(self) -> int:
        """Smallest stored state."""
        return self.semantics.lowest if self.most is None else -self.most

    @property
    def high(self) -> int:
        """Largest stored state."""
        return self.semantics.highest if self.most is None else self.most


@dataclass(frozen=True, eq=False)
class Pooling:
    """A stage: a bit is set where one in its window is.

    Args:
        name: Dotted name in the float network.
        source: The wire it reads.
        members: Inputs of each output, shape (outputs, window); −1 where the window reaches beyond the map.
        inputs: Bits of the wire that is read.
    """

    name: str
    source: int
    members: Ints
    inputs: int

    @property
    def outputs(self) -> int:
        """Bits of its wire."""
        return len(self.members)


Stage = Neurons | Pooling


@dataclass(frozen=True, eq=False)
class Circuit:
    """A network as it is built.

    Args:
        inputs: Bits of a frame.
        classes: Number of classes; the last stage's neurons vote in equal parts, side by side.
        stages: In order; each reads the input or the stage before it.
        facts: What is known beside, for headers.
    """

    inputs: int
    classes: int
    stages: tuple[Stage, ...]
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
