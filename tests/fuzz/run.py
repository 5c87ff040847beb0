"""`python -m fuzz.run COUNT [SEED] [READER ...]`, in `tests/`: mutations of a good file for every reader.

A reader may refuse with an error of ours, or read. Anything else, too long or too much memory ends with
status 1, and the file that did it stays beside the message. A read that does not end is ended, with where it
stood; its file is the last one, `file.*`.
"""

import faulthandler
import logging
import random
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

from fuzz.readers import READERS, Reader
from spareto.core.errors import SparetoError

SECONDS = 2.0
"""Processor time of a read, and one more for every megabyte of the file."""

FOREVER = 120.0
"""Seconds on the clock after which a read is taken to have no end: C code cannot be interrupted otherwise."""

MEBIBYTES = 256
"""By how much the largest memory of a thousand reads may grow; the files are of kilobytes."""


def fuzz(reader: Reader, count: int, seed: int, folder: Path) -> list[str]:
    """What a reader did wrong with `count` mutations, at most ten of them."""
    path = folder / f"file{reader.suffix}"
    path.unlink(missing_ok=True)
    reader.write(path)
    good, wrong = path.read_bytes(), []
    reader.read(path)
    before = _peak()
    for number in range(count):
        pick = random.Random(f"{reader.name} {seed} {number}")
        content = reader.mutate(good, pick)
        mended = reader.mend(content) if pick.random() < 0.7 else None
        path.write_bytes(content if mended is None else mended)
        fault = _fault(reader, path)
        if number % 1000 == 999 or number == count - 1:
            if _peak() - before > MEBIBYTES:
                fault = fault or f"{_peak() - before} MiB more memory"
            before = _peak()
        if fault:
            kept = folder / f"{reader.name.replace(' ', '-')}-{seed}-{number}{reader.suffix}"
            kept.write_bytes(path.read_bytes())
            wrong.append(f"{kept}: {fault}")
        if len(wrong) == 10:
            break
    return wrong


def _fault(reader: Reader, path: Path) -> str:
    began = time.process_time()
    faulthandler.dump_traceback_later(FOREVER, exit=True)
    try:
        reader.read(path)
    except SparetoError as error:
        if not all(c.isprintable() or c in "\n\t\u200b\u00ad\ufffd" or c.isspace() for c in str(error)):
            controls = [c for c in str(error) if ord(c) < 32 and c not in "\n\t"]
            if controls:
                return f"control characters in its error: {error!r}"
        if len(str(error)) > 20_000:
            return f"an error of {len(str(error)):,} characters"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]!r}"
    finally:
        faulthandler.cancel_dump_traceback_later()
    spent = time.process_time() - began
    return f"{spent:.1f} s" if spent > SECONDS + path.stat().st_size / 1e6 else ""


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(count: int, seed: int = 0, *names: str) -> int:
    """Run the readers named, or all; the exit status."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    status, folder = 0, Path(tempfile.mkdtemp(prefix="spareto-fuzz-"))
    for name in names or READERS:
        began = time.monotonic()
        wrong = fuzz(READERS[name], count, seed, folder)
        print(
            f"{name}: {count:,} mutations, {len(wrong)} wrong, {time.monotonic() - began:.0f} s", flush=True
        )
        print("".join(f"  {line}\n" for line in wrong), end="", flush=True)
        status |= bool(wrong)
    return status


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3]), *sys.argv[3:]))
