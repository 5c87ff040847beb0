"""HDF5 files of strangers, read by a process of its own: HDF5 crashes on some that are damaged.

The process is started with the first file and serves all others. A file that crashes it, or that is read for
too long, is refused, and the next file gets a new process.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np

from spareto.core.hdf5 import Content

SECONDS: Final = 60.0
"""That reading a file may take, and one more for every megabyte."""

_START: Final = "import sys; sys.path[:] = {path!r}; from spareto.core.hdf5_process import serve; serve()"


def read_group(path: Path, name: str) -> dict[str, Any]:
    """All that lies in a group: dicts, numpy arrays and texts.

    Raises:
        ValueError: The file is damaged, or not within the bounds of `spareto.core.hdf5`.
        MemoryError: It takes more memory than there is.
    """
    return _PROCESS.read(path, name)


class _Process:
    """The process, and the questions that it is asked one after the other."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._owner, self._lock = 0, threading.Lock()

    def read(self, path: Path, name: str) -> dict[str, Any]:
        with self._lock:
            child = self._started()
            assert child.stdin is not None
            assert child.stdout is not None
            late = threading.Timer(SECONDS + path.stat().st_size / 1e6, child.kill)
            late.start()
            try:
                child.stdin.write(json.dumps([str(path.resolve()), name]).encode() + b"\n")
                child.stdin.flush()
                said, arrays = _received(child.stdout)
            except (OSError, EOFError):
                self.end()
                got = "it is read without an end" if late.finished.is_set() else "HDF5 crashes on it"
                raise ValueError(got) from None
            finally:
                late.cancel()
        if "memory" in said:
            raise MemoryError
        if "error" in said:
            raise ValueError(said["error"])
        return _unpacked(said["tree"], arrays)

    def _started(self) -> subprocess.Popen[bytes]:
        """The process, or a new one where that has ended or is that of a process we were forked from."""
        if self._child is None or self._owner != os.getpid() or self._child.poll() is not None:
            self.end()
            command = [sys.executable, "-c", _START.format(path=sys.path)]
            self._owner = os.getpid()
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        return self._child

    def end(self) -> None:
        """End the process, if it is ours."""
        child, self._child = self._child, None
        if child is not None and self._owner == os.getpid():
            child.kill()
            with suppress(OSError):
                child.communicate()


_PROCESS: Final = _Process()
atexit.register(_PROCESS.end)


def serve() -> None:
    """Answer until there are no more questions; runs in the process."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    for line in sys.stdin.buffer:
        path, name = json.loads(line)
        arrays: list[bytes] = []
        try:
            said: dict[str, Any] = {"tree": _packed(Content(Path(path)).read(name), arrays)}
        except MemoryError:
            said, arrays = {"memory": True}, []
        except Exception as error:
            said, arrays = {"error": " ".join(str(error).split())[:200] or type(error).__name__}, []
        _sent(answers, [json.dumps(said).encode(), *arrays])


def _sent(answers: IO[bytes], parts: list[bytes]) -> None:
    answers.write(len(parts).to_bytes(8, "little"))
    for part in parts:
        answers.write(len(part).to_bytes(8, "little"))
        answers.write(part)
    answers.flush()


def _received(answers: IO[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    def exactly(size: int) -> bytes:
        found = answers.read(size)
        if len(found) != size:
            raise EOFError
        return found

    first, *others = [
        exactly(int.from_bytes(exactly(8), "little")) for _ in range(int.from_bytes(exactly(8), "little"))
    ]
    return json.loads(first), others


def _packed(value: Any, arrays: list[bytes]) -> Any:
    """A value as JSON; the content of arrays is put into a list."""
    if isinstance(value, dict):
        items = cast(dict[str, Any], value)
        return {"group": {name: _packed(each, arrays) for name, each in items.items()}}
    if isinstance(value, str):
        return {"text": value}
    array: Any = np.asarray(value)
    if array.dtype == object:
        return {"texts": array.reshape(-1).tolist(), "shape": array.shape}
    if array.dtype.kind not in "biufcSU":
        raise ValueError(f"an array of {array.dtype}")
    arrays.append(array.tobytes())
    return {"array": len(arrays) - 1, "dtype": array.dtype.str, "shape": array.shape}


def _unpacked(said: dict[str, Any], arrays: list[bytes]) -> Any:
    if "group" in said:
        return {name: _unpacked(each, arrays) for name, each in said["group"].items()}
    if "text" in said:
        return said["text"]
    if "texts" in said:
        return np.array(said["texts"], dtype=object).reshape(said["shape"])
    array: Any = np.empty(said["shape"], said["dtype"])
    array.reshape(-1).view(np.uint8)[:] = np.frombuffer(arrays[int(said["array"])], np.uint8)
    return array if array.ndim else array[()]
