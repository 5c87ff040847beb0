"""A study whose disk fails: `LD_PRELOAD=failing.so python tests/failures.py FOLDER EACH SEED [KIND ...]`.

The library is `tests/failing.c`, compiled. A child carries out `spareto study run`, and the n-th change of a
file in its run folder fails: from then on as on a full or read-only disk, or once as by a bad sector;
or the whole folder is moved away, or the process killed. It must end as if nothing had been, or with an error
of ours that names the folder; the same command, when nothing fails, must then end as one that never failed.
`EACH` places of every kind are tried, spread over all there are; 0 means every one. Ends with status 1 and a
line for each wrong one.
"""

import ctypes
import errno
import os
import random
import shutil
import sys
import traceback
from pathlib import Path

import torch
import yaml

import kills
from spareto.cli.study import run
from spareto.core.errors import SparetoError

FOR_EVER, ONCE, LOST, KILLED = range(4)
KINDS = {
    "no room": (errno.ENOSPC, FOR_EVER),
    "read-only": (errno.EROFS, FOR_EVER),
    "no right": (errno.EACCES, FOR_EVER),
    "bad sector": (errno.EIO, ONCE),
    "lost folder": (0, LOST),
    "killed": (0, KILLED),
}
OURS, NAMELESS, RAW = 4, 5, 6
REPORT = (".html", ".png", ".svg", ".pdf")


def library():
    return ctypes.CDLL(None)


def child(study, folder, place, kind):
    """Run the command in a child; its exit status."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    status = RAW
    try:
        torch.set_num_threads(1)
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for the rest of the process
        code, how = KINDS.get(kind, (0, FOR_EVER))
        library().failing_from(ctypes.c_long(place), code, how, os.fsencode(folder))
        run(study, out=folder, quiet=True)
        status = 0
    except SparetoError as error:
        status = OURS if str(folder) in str(error) else NAMELESS
        print(f"  {kind} {place}: {error}" if status != OURS or VERBOSE else "", file=sys.stderr, end="")
    except BaseException:
        traceback.print_exc()
    if kind == "counted":
        (folder.parent / "places").write_text(str(library().failing_passed()))
    os._exit(status)


VERBOSE = bool(os.environ.get("VERBOSE"))


def content(folder):
    """As of a killed study; of the report, which holds seconds, that its files are there and whole."""
    found = kills.content(folder)
    for name in found:
        if name.endswith(REPORT):
            ended = not name.endswith(".html") or found[name].rstrip().endswith(b"</html>")
            found[name] = "whole" if ended else "cut off"
    return found


def wrong_with(study, folder, expected, place, kind):
    """What is wrong with a run whose n-th change fails, and with the one after it; empty if nothing."""
    status = child(study, folder, place, kind)
    said = [] if status in (0, -9 if kind == "killed" else OURS) else [f"status {status}"]
    if status == 0:  # a folder that is moved behind the last change is whole where it is now
        ended = folder if folder.exists() else folder.with_name(f"{folder.name}.lost")
        said += kills.differences_of(content(ended), expected)
    again = child(study, folder, 0, "well")
    said += [f"then status {again}"] if again else kills.differences_of(content(folder), expected)
    return said


def main(folder, each, seed, *kinds):
    folder.mkdir(parents=True, exist_ok=True)
    study, whole = folder / "study.yaml", folder / "whole"
    study.write_text(yaml.safe_dump(kills.STUDY), encoding="utf-8")
    assert child(study, whole, 0, "counted") == 0
    count, expected = int((folder / "places").read_text()), content(whole)
    pick, wrong, tried = random.Random(seed), [], 0
    for kind in kinds or KINDS:
        for place in range(1, count + 1) if not each else sorted(pick.sample(range(1, count + 1), each)):
            run_folder = folder / "run"
            said = wrong_with(study, run_folder, expected, place, kind)
            wrong += [f"{kind}, change {place} of {count}: {', '.join(said)}"] if said else []
            tried += 1
            for left in (run_folder, folder / "run.lost"):
                shutil.rmtree(left, ignore_errors=True)
    print(f"{tried} failures at {count} places, {len(wrong)} wrong")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:4]), *sys.argv[4:]))
