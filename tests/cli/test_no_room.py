"""No room for the output, or no memory: said in one line, without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from spareto.cli import main


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", [["recipe", "schema"], ["--help"], ["accelerators"]])
def test_output_that_finds_no_room_is_said(command):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "spareto", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("the output: got no space left on device")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError("libgomp.so.1: cannot allocate memory in static TLS block"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_too_little_memory_is_said(error, wrapped, monkeypatch, capsys):
    def starved(_):
        if wrapped:
            raise ImportError("Cannot import module 'spareto.cli.study'") from error
        raise error

    monkeypatch.setattr("spareto.cli.app", starved)
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err.startswith("this command: got no memory; expected as much as it takes.")
