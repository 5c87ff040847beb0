"""Memory of a study over more recordings than fit into memory: `python -m benchmarks.large_data GIB FOLDER`.

Writes a folder of recordings (x, y, p, t; two classes, one folder each, training and test split), then trains
and measures a small network on them in a process of its own. Printed are the bytes of files and frames, the
largest memory of that process that is its own, and what of mapped files was in memory beside it: pages that
the system takes back when it needs them.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

EVENTS, SIDE, TIMESTEPS = 60_000, 64, 20
STUDY = """
version: 1
name: large
data: {{folder: {folder}, timesteps: {timesteps}, sensor: [2, {side}, {side}], time_unit: us}}
network: {{name: conv, options: {{channels: [4, 8], kernel: 5, stride: 4}}}}
training: {{epochs: 1, batch_size: 64, learning_rate: 0.01}}
compression_training: {{epochs: 1, batch_size: 64, learning_rate: 0.005}}
grid: [{{regime: quantize, bits: [4]}}]
"""


def main(gib: float = 0.5, folder: str = "runs/large_data") -> None:
    """Write what is not there, run the study, print."""
    root = Path(folder).absolute()
    size = write(root / "data", gib)
    (root / "study.yaml").write_text(STUDY.format(folder=root / "data", timesteps=TIMESTEPS, side=SIDE))
    own, mapped, seconds = watched(
        [sys.executable, "-m", "spareto", "study", "run", "study.yaml", "--out", "run", "--quiet"], root
    )
    count = sum(1 for _ in (root / "data").rglob("*.npz"))
    frames = count * TIMESTEPS * 2 * SIDE * SIDE
    print(f"{count:,} recordings, {size / 2**30:.1f} GiB; frames {frames / 2**30:.1f} GiB; {seconds:.0f} s")
    print(f"memory of its own at most {own / 2**30:.2f} GiB, mapped files beside it {mapped / 2**30:.2f} GiB")


def write(root: Path, gib: float) -> int:
    """Recordings until they are so large together; the same that are there stay."""
    rng, written, number = np.random.default_rng(0), 0, 0
    while written < gib * 2**30:
        label, split = number % 2, "test" if number % 10 > 7 else "train"
        path = root / split / f"class_{label}" / f"{number:06}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            x = rng.integers(0, SIDE // 2, EVENTS, np.uint16) + np.uint16(SIDE // 2 * label)
            y, p = rng.integers(0, SIDE, EVENTS, np.uint16), rng.integers(0, 2, EVENTS, np.uint8)
            np.savez(path, x=x, y=y, p=p, t=np.sort(rng.integers(0, 1_000_000, EVENTS, np.uint32)))
        written += path.stat().st_size
        number += 1
    return written


def watched(command: list[str], folder: Path) -> tuple[int, int, float]:
    """Run it; the largest memory of its own and of mapped files, bytes, looked at ten times a second."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=folder)
    found = {"RssAnon": 0, "RssFile": 0}

    def look() -> None:
        while process.poll() is None:
            try:
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            except OSError:
                return
            for line in lines:
                name, _, value = line.partition(":")
                if name in found:
                    found[name] = max(found[name], int(value.split()[0]) * 1024)
            time.sleep(0.1)

    watcher = threading.Thread(target=look)
    watcher.start()
    status = process.wait()
    watcher.join()
    if status:
        raise SystemExit(status)
    return found["RssAnon"], found["RssFile"], time.monotonic() - began


def possible() -> bool:
    """Whether the system says what memory is used for."""
    return Path("/proc/self/status").exists()


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((float, str), sys.argv[1:], strict=False)))
