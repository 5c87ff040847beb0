"""The command line; one file per command, imported when it is called."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn

from cyclopts import App

from spareto._version import __version__
from spareto.cli.helping import Flowing
from spareto.core.errors import Problem, SparetoError

app = App(
    name="spareto",
    help="Quantize and prune spiking networks; find the best accuracy for the energy on your accelerator.",
    version=__version__,
    help_format="plaintext",
    help_formatter=Flowing(),
    suppress_keyboard_interrupt=False,  # we say what a stopped command has left
)
GROUPS = {
    "study": "Train, compress, measure and cost many recipes of one network.",
    "recipe": "Recipe files.",
    "fpga": "Simulate and size exported Verilog with free tools.",
    "data": "Data sets: what there is, what is in one, and whether its files are whole.",
    "reproduce": "Print our numbers beside published ones.",
}
"""Words before a command's name, and what they are about."""

COMMANDS = {
    "study run": ("study:run", "Run a study, or carry on one that was stopped."),
    "study sensitivity": (
        "sensitivity:sensitivity",
        "Quantize and prune each layer alone, without training.",
    ),
    "study list": ("studies:list_", "List the studies of a folder or a database."),
    "study show": ("studies:show", "Show what a study's store holds."),
    "study export": ("studies:export", "Write a study's trials as CSV or Parquet."),
    "study import": ("studies:import_", "Bring the trials of an exported file into a study."),
    "study merge": ("studies:merge", "Bring the trials of several stores into one."),
    "study gc": ("studies:gc", "Remove files that no trial needs."),
    "study watch": ("watch:watch", "Show how a study gets on, from another terminal."),
    "front": ("front:front", "Show a study's trials and its accuracy-energy front."),
    "show": ("show:show", "Show one recipe of a study in full."),
    "compare": ("compare:compare", "Compare two studies, recipe by recipe."),
    "report": ("report:report", "Write a study's report page and figures."),
    "explore": ("explore:explore", "Serve the report page while a study runs."),
    "figure": ("figure:figure", "Draw a study's figure or table for a paper."),
    "compress": ("compress:compress", "Compress a network by a recipe, with or without training."),
    "squeeze": ("squeeze:squeeze", "Widen a network, make it binary, and cut it to a budget."),
    "profile": ("profile:profile", "Energy per inference of a network of any framework, with its parts."),
    "convert": (
        "convert:convert",
        "Convert a network of another framework or a file into layers of ours, and compare every spike.",
    ),
    "lower": ("lower:lower", "Lower a compressed network to a package of integers."),
    "run": ("packages:run", "Classify recordings with a package."),
    "verify": ("packages:verify", "Replay a package's test vectors on every engine here."),
    "bench": ("packages:bench", "Time a package on this machine."),
    "export": (
        "packages:export",
        "Write a package as source code, or a network for another framework or as a file.",
    ),
    "learn": ("learn:learn", "Train networks that learn by local rules (STDP)."),
    "fpga simulate": ("fpga:simulate", "Simulate exported Verilog against the golden model."),
    "fpga estimate": ("fpga:estimate", "Size exported Verilog with yosys, and time it with nextpnr."),
    "fpga report": ("fpga:report", "Simulate and size exported Verilog, and write a report."),
    "data list": ("data:list_", "List the data sets, and whether their files are here."),
    "data info": ("data:info", "Read a data set: counts, durations, density, hash."),
    "data check": ("data:check", "Read every file of a data set, and compare checksums."),
    "data preview": ("data:preview", "Draw frames of a data set, as a picture or an animation."),
    "recipe schema": ("recipe:schema", "Print the JSON Schema of recipe files, for editors."),
    "cost": ("cost:cost", "Cost a saved workload on an accelerator."),
    "accelerators": ("accelerators:accelerators", "List the built-in accelerators."),
    "reproduce cost-cases": ("reproduce:cost_cases", "Published costs of whole layers."),
    "reproduce pe-masks": ("reproduce:pe_masks", "Measured cycles of a sparse PE."),
    "reproduce tcja": (
        "reproduce_training:tcja",
        "TCJA-SNN on DVS128 Gesture: train, compress, cost, and draw the figures.",
    ),
    "reproduce tcja-energy": (
        "reproduce_tcja:tcja_energy",
        "Energy of a quantized and pruned spiking network, whole grid.",
    ),
    "reproduce chips": ("reproduce_chips:chips", "Measured energy and power of real chips."),
}
"""Every command: its place in `spareto.cli`, and what it does."""


def _assemble() -> None:
    groups = {"": app} | {name: App(name=name, help=text) for name, text in GROUPS.items()}
    for words, (place, text) in COMMANDS.items():
        group, _, name = words.rpartition(" ")
        if group and group not in app:
            app.command(groups[group])
        groups[group].command(f"spareto.cli.{place}", name=name, help=text)


_assemble()

_NO_MEMORY = (
    "not enough memory",
    "can't allocate memory",  # torch
    "cannot allocate memory",  # the system, of a library's code
    "failed to map segment",
)


def main() -> None:
    """Entry point of `spareto`; a user's mistake ends in exit status 2, without a traceback."""
    for stream in (sys.stdout, sys.stderr):  # a name may hold what the terminal has no letter for
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        _run()
    except BrokenPipeError:
        # Who reads us has seen enough (`spareto front RUN | head`). Python flushes once more at its end.
        _drop_output()
        sys.exit(1)


def _refuse(error: object) -> NoReturn:
    print(error, file=sys.stderr)
    with suppress(OSError):
        sys.stdout.flush()
        sys.exit(2)
    _drop_output()
    sys.exit(2)


def _of_the_system(error: Exception) -> Problem | None:
    """What a full disk, a lost folder or too little memory is to a user; None for a fault of ours."""
    text = str(error)
    if isinstance(error, BrokenPipeError):
        return None
    if isinstance(error, OSError) and error.filename is None and error.errno is not None:
        got, cure = (error.strerror or text).lower(), "Check where it is written to."
        return Problem("the output", got, "room for it", cure)
    if isinstance(error, OSError) and error.filename is not None:
        got = (error.strerror or text).lower()
        return Problem(str(error.filename), got, "a file that can be used", "Check the disk and its rights.")
    if _for_want_of_memory(error):
        cure = "Use smaller batches, fewer timesteps or a smaller network."
        return Problem("this command", "no memory", "as much as it takes", cure)
    return None


def _for_want_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one behind it, is that of a program or a library that got no memory."""
    while error is not None:
        text = str(error).lower()
        if isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY):
            return True
        error = error.__cause__
    return False


def _run() -> None:
    try:
        app(sys.argv[1:])
    except SparetoError as error:
        _refuse(error)
    except (OSError, MemoryError, RuntimeError, ImportError) as error:
        said = _of_the_system(error)
        if said is None:
            raise
        _refuse(said)
    except KeyboardInterrupt:
        print("Stopped. The same command carries on.", file=sys.stderr)
        sys.exit(130)
    except SystemExit:
        _flush()
        raise
    else:
        _flush()


def _flush() -> None:
    """Put the rest of the output where it goes; Python's own attempt, at its end, would show a traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _drop_output()
        _refuse(_of_the_system(error))


def _drop_output() -> None:
    """Let what could not be written go, so that Python's end does not try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
