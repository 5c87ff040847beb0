"""Lists by which a stage hands its spikes to the neurons they reach: how many bits they take."""

from __future__ import annotations

from dataclasses import dataclass

from spareto.hardware.fabric.memories import index_bits


@dataclass(frozen=True)
class Lists:
    """Sizes of a stage's lists.

    A word holds a weight for every unit. A row is the words of a column of the weights. A dense layer's input
    has one row; an input of windows has a list of entries, each a position and a row.

    Args:
        inputs: Bits of the wire that is read.
        words: Words of all rows.
        most: Words of the longest row.
        passes: Sums of a unit: one for each of its neurons at each position.
        blocks: Neurons of a unit at a position.
        compressed: Whether words name the neuron of each weight; else a row has a word per neuron, in order.
        entries: Entries of all inputs; 0 for a dense layer.
        longest: Entries of the longest list.
    """

    inputs: int
    words: int
    most: int
    passes: int
    blocks: int
    compressed: bool
    entries: int = 0
    longest: int = 0

    @property
    def slot(self) -> int:
        """Bits of a word and unit that name the neuron."""
        return index_bits(self.blocks) if self.compressed and self.blocks > 1 else 0

    @property
    def offset(self) -> int:
        """Bits that count through a row; 0 where a row is one word."""
        return index_bits(self.most) if self.most > 1 else 0

    @property
    def more(self) -> int:
        """Bits that say how many words follow the first; none are stored where all rows are as long."""
        return self.offset if self.compressed else 0

    @property
    def start(self) -> int:
        """Bits of a word's address."""
        return max(index_bits(self.words), self.offset)

    @property
    def base(self) -> int:
        """Bits of the address of a sum."""
        return index_bits(self.passes)

    @property
    def row(self) -> int:
        """Bits that say where a row is: in a table of inputs for a dense layer, else in each entry."""
        return (self.base if self.entries else 0) + self.start + self.more

    @property
    def visit(self) -> int:
        """Bits that say where an input's entries are, and how many."""
        return index_bits(self.entries) + index_bits(self.longest)

    @property
    def counted(self) -> int:
        """Bits of addresses and of counters of what is left, which change while spikes are handed out."""
        listed = self.base + 2 * self.visit if self.entries else 0
        return self.start + 2 * self.offset + listed

    def memories(self, units: int, weight_bits: int) -> tuple[tuple[int, int], ...]:
        """Rows and bits of each memory: words, then where they are."""
        words = (self.words, units * (weight_bits + self.slot))
        if not self.entries:
            return words, (self.inputs, self.row)
        return words, (self.entries, self.row), (self.inputs, self.visit)
