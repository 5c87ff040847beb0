"""Arrays of constants, one after the other, each in the fewest bytes that hold it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from spareto.integer.network import Ints

_TYPES: Final = ("<i1", "<i2", "<i4", "<i8")
_BIAS: Final = 4  # bytes


class Writer:
    """Collects arrays."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.bias_bytes = 0

    def put_bias(self, values: Ints) -> list[int] | None:
        """Append biases of 32 bits, as the hardware model counts them; None if there are none."""
        if not values.any():
            return None
        said = self.put(values, _BIAS)
        self.bias_bytes += len(self._parts[-1])
        return said

    def put(self, values: Ints, least: int = 1) -> list[int]:
        """Append an array; what the manifest says of it: bytes of a number, then the shape."""
        low, high = int(values.min(initial=0)), int(values.max(initial=0))
        wide = (t for t in _TYPES if np.dtype(t).itemsize >= least)
        kind = next(t for t in wide if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
        self._parts.append(np.ascontiguousarray(values).astype(kind).tobytes())
        return [np.dtype(kind).itemsize, *values.shape]

    def content(self) -> bytes:
        """All of them."""
        return b"".join(self._parts)


class Reader:
    """Gives the arrays back, in their order."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0
        self.bias_bytes = 0

    def take_bias(self, said: Any, outputs: int) -> Ints:
        """The next biases, int64; zeros if there are none."""
        if said is None:
            return np.zeros(outputs, np.int64)
        before = self._at
        found = self.take(said)
        self.bias_bytes += self._at - before
        return found

    def take(self, said: Any) -> Ints:
        """The next array, int64.

        Raises:
            ValueError: It is not there.
        """
        if not isinstance(said, list) or not said or not all(type(n) is int and n >= 0 for n in said):
            raise ValueError(f"a constant described as {str(said)[:40]}")
        width, *shape = said
        kind = next((t for t in _TYPES if np.dtype(t).itemsize == width), None)
        count = 1
        for side in shape:
            count *= side
            if count > len(self._content):
                break
        if kind is None or count * width > len(self._content) - self._at:
            raise ValueError(f"a constant of {count:,} numbers beyond the end")
        found = np.frombuffer(self._content, kind, count, self._at).astype(np.int64)
        self._at += count * width
        return found.reshape(shape)

    def end(self) -> None:
        """All has been taken.

        Raises:
            ValueError: Something is left.
        """
        if self._at != len(self._content):
            raise ValueError(f"{len(self._content) - self._at} bytes of constants that nothing reads")
