"""The command line; one file a command, imported when it is called."""

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
study = App(name="study", help="Train, compress, measure and cost many recipes of one network.")
recipe = App(name="recipe", help="Recipe files.")
fpga = App(name="fpga", help="Simulate and size exported Verilog with free tools.")
data = App(name="data", help="Data sets: what there is, what is in one, and whether its files are whole.")
reproduce = App(name="reproduce", help="Print our numbers beside published ones.")

study.command("spareto.cli.study:run", name="run", help="Run a study, or carry on one that was stopped.")
study.command(
    "spareto.cli.sensitivity:sensitivity",
    name="sensitivity",
    help="Quantize and prune each layer alone, without training.",
)
for _name, _place, _help in (
    ("list", "studies:list_", "List the studies of a folder or a database."),
    ("show", "studies:show", "Show what a study's store holds."),
    ("export", "studies:export", "Write a study's trials as CSV or Parquet."),
    ("import", "studies:import_", "Bring the trials of an exported file into a study."),
    ("merge", "studies:merge", "Bring the trials of several stores into one."),
    ("gc", "studies:gc", "Remove files that no trial needs."),
    ("watch", "watch:watch", "Show how a study gets on, from another terminal."),
):
    study.command(f"spareto.cli.{_place}", name=_name, help=_help)
app.command(study)
app.command(
    "spareto.cli.front:front", name="front", help="Show a study's trials and its accuracy-energy front."
)
app.command("spareto.cli.show:show", name="show", help="Show one recipe of a study in full.")
app.command("spareto.cli.compare:compare", name="compare", help="Compare two studies, recipe by recipe.")
app.command("spareto.cli.report:report", name="report", help="Write a study's report page and figures.")
app.command("spareto.cli.explore:explore", name="explore", help="Serve the report page while a study runs.")
app.command("spareto.cli.figure:figure", name="figure", help="Draw a study's figure or table for a paper.")
app.command(
    "spareto.cli.compress:compress",
    name="compress",
    help="Compress a network by a recipe, with or without training.",
)
app.command(
    "spareto.cli.squeeze:squeeze",
    name="squeeze",
    help="Widen a network, make it binary, and cut it to a budget.",
)
app.command(
    "spareto.cli.profile:profile",
    name="profile",
    help="Energy per inference of a network of any framework, with its parts.",
)
app.command(
    "spareto.cli.convert:convert",
    name="convert",
    help="Convert a network of another framework or a file into layers of ours, and compare every spike.",
)
app.command(
    "spareto.cli.lower:lower", name="lower", help="Lower a compressed network to a package of integers."
)
app.command("spareto.cli.packages:run", name="run", help="Classify recordings with a package.")
app.command(
    "spareto.cli.packages:verify", name="verify", help="Replay a package's test vectors on every engine here."
)
app.command("spareto.cli.packages:bench", name="bench", help="Time a package on this machine.")
app.command(
    "spareto.cli.packages:export",
    name="export",
    help="Write a package as source code, or a network for another framework or as a file.",
)
app.command("spareto.cli.learn:learn", name="learn", help="Train networks that learn by local rules (STDP).")
app.command(fpga)
fpga.command(
    "spareto.cli.fpga:simulate", name="simulate", help="Simulate exported Verilog against the golden model."
)
fpga.command(
    "spareto.cli.fpga:estimate",
    name="estimate",
    help="Size exported Verilog with yosys, and time it with nextpnr.",
)
fpga.command(
    "spareto.cli.fpga:report", name="report", help="Simulate and size exported Verilog, and write a report."
)
app.command(data)
for _name, _place, _help in (
    ("list", "list_", "List the data sets, and whether their files are here."),
    ("info", "info", "Read a data set: counts, durations, density, hash."),
    ("check", "check", "Read every file of a data set, and compare checksums."),
    ("preview", "preview", "Draw frames of a data set, as a picture or an animation."),
):
    data.command(f"spareto.cli.data:{_place}", name=_name, help=_help)
app.command(recipe)
recipe.command(
    "spareto.cli.recipe:schema", name="schema", help="Print the JSON Schema of recipe files, for editors."
)
app.command("spareto.cli.cost:cost", name="cost", help="Cost a saved workload on an accelerator.")
app.command(
    "spareto.cli.accelerators:accelerators", name="accelerators", help="List the built-in accelerators."
)
app.command(reproduce)
reproduce.command(
    "spareto.cli.reproduce:cost_cases", name="cost-cases", help="Published costs of whole layers."
)
reproduce.command("spareto.cli.reproduce:pe_masks", name="pe-masks", help="Measured cycles of a sparse PE.")
reproduce.command(
    "spareto.cli.reproduce_training:tcja",
    name="tcja",
    help="TCJA-SNN on DVS128 Gesture: train, compress, cost, and draw the figures.",
)
reproduce.command(
    "spareto.cli.reproduce_tcja:tcja_energy",
    name="tcja-energy",
    help="Energy of a quantized and pruned spiking network, whole grid.",
)

reproduce.command(
    "spareto.cli.reproduce_chips:chips", name="chips", help="Measured energy and power of real chips."
)

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
