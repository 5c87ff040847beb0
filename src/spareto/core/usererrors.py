"""What went wrong in a user's code, in one line instead of a traceback."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType


def told(error: BaseException, root: Path) -> str:
    """An error in a line: `ValueError in my_code.py, line 7: two channels`."""
    if isinstance(error, SystemExit):
        return f"a program that ends itself{_line_of(error.__traceback__, root)} (SystemExit)"
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__} in {Path(error.filename).name}, line {error.lineno}: {error.msg}"
    return f"{type(error).__name__}{_line_of(error.__traceback__, root)}" + (
        f": {text[:300]}" if text else ""
    )


def _line_of(trace: TracebackType | None, root: Path) -> str:
    found = ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(root) and "site-packages" not in file.parts:
            found = f" in {file.name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def cure_of(error: BaseException) -> str:
    """What to do about it."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"Install '{error.name}', or put it beside the file."
    if isinstance(error, SystemExit):
        return "Put what a script does under: if __name__ == '__main__':"
    return "Mend that line."
