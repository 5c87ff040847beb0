"""Exported C99 on an emulated Cortex-M: the reference's votes, and how many instructions they take."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lowering.random_networks import CLASSES, lowerable
from spareto.export import registry
from spareto.integer import Reference
from spareto.lowering import lower

TOOLS = ("arm-none-eabi-gcc", "qemu-system-arm")
HERE = Path(__file__).parent / "cortex"
TICK = 40  # instructions: a nanosecond each (-icount shift=0), the timer counts 25 MHz
missing = [tool for tool in TOOLS if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.cross,
    pytest.mark.skipif(
        bool(missing), reason=f"needs Debian's gcc-arm-none-eabi and qemu-system-arm: {missing}"
    ),
]


def emulated(network, frames, folder):
    """Votes, and instructions of a timestep."""
    registry.make("c99").write(network, folder)
    numbers = ", ".join(map(str, frames.astype(np.uint8).reshape(-1).tolist()))
    calls = len(frames) // (network.timesteps or 1)
    lines = ("#include <stdint.h>", f"const uint8_t test_frames[] = {{{numbers}}};")
    (folder / "frames.c").write_text("\n".join((*lines, f"const int32_t test_calls = {calls};\n")))
    sources = [folder / name for name in ("network.c", "spareto.c", "frames.c")]
    flags = ["-mcpu=cortex-m3", "-mthumb", "-O2", "-ffreestanding", "-nostdlib", f"-I{folder}"]
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    objects = []
    for source in sources:
        made = folder / f"{source.stem}.o"
        subprocess.run([TOOLS[0], *flags, *strict, "-c", str(source), "-o", str(made)], check=True)
        objects.append(str(made))
    image = folder / "image.elf"
    link = [*flags, "-T", str(HERE / "link.ld"), str(HERE / "start.c"), *objects, "-lgcc", "-o", str(image)]
    subprocess.run([TOOLS[0], *link], check=True)
    machine = [
        "-M",
        "mps2-an385",
        "-display",
        "none",
        "-icount",
        "shift=0",
        "-semihosting",
        "-kernel",
        str(image),
    ]
    done = subprocess.run([TOOLS[1], *machine], capture_output=True, text=True, timeout=300, check=False)
    *votes, ticks = map(int, (done.stdout + done.stderr).split())
    return votes, ticks * TICK // len(frames)


@pytest.mark.parametrize("seed", [0, 2, 5, 11])
def test_a_microcontroller_counts_the_same_votes(seed, tmp_path, record_property):
    small, sensor, frames, most = lowerable(seed)
    network = lower(small, sensor=sensor, classes=CLASSES, input_most=most).network
    votes, instructions = emulated(network, frames[:, 0].numpy(), tmp_path)
    assert votes == Reference(network).counts(frames[:, :1].numpy())[0].tolist()
    assert instructions > 0
    record_property("instructions a timestep", instructions)
    print(f"{instructions:,} instructions a timestep")
