"""Runs the Python that stands in a page of the documentation, and holds its printed output to the page."""

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
TOLERANCE = 0.1  # another processor adds up in another order, which moves some spikes


@dataclass(frozen=True)
class Block:
    """Code of a page, and the output that the page shows behind it, if any.

    Args:
        code: What runs.
        shown: What the page says it prints; None where it shows nothing.
        line: Line of the page where the code begins.
        span: Where the shown text stands in the page.
    """

    code: str
    shown: str | None
    line: int
    span: tuple[int, int] | None

    @property
    def lines(self) -> list[str]:
        """Lines that are neither empty nor a comment."""
        return [line for line in self.code.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def blocks_of(page: str) -> list[Block]:
    """Every block of Python; a block of text right behind it is its output."""
    text = (ROOT / page).read_text()
    fences = list(FENCE.finditer(text))
    found = []
    for fence, behind in zip(fences, [*fences[1:], None], strict=True):
        if fence[1] == "python":
            shows = (
                behind is not None and behind[1] == "text" and not text[fence.end() : behind.start()].strip()
            )
            found.append(
                Block(
                    fence[2],
                    behind[2] if shows else None,
                    text[: fence.start(2)].count("\n") + 1,
                    behind.span(2) if shows else None,
                )
            )
    return found


def run(block: Block, names: dict, page: str) -> str:
    """What a block prints; its names stay in `names`."""
    printed = io.StringIO()
    padded = "\n" * (block.line - 1) + block.code  # a traceback tells the line of the page
    with contextlib.redirect_stdout(printed):
        exec(compile(padded, str(ROOT / page), "exec"), names)
    return printed.getvalue()


def rewritten(page: str, outputs: list[str]) -> str:
    """The page with the outputs in the place of those it shows."""
    text = (ROOT / page).read_text()
    for block, output in reversed(list(zip(blocks_of(page), outputs, strict=True))):
        if block.span is not None:
            text = text[: block.span[0]] + output.rstrip("\n") + "\n" + text[block.span[1] :]
    return text


def differences(shown: str, printed: str) -> list[str]:
    """Lines of which words differ, or numbers by more than a tenth; entries of a list may change places."""
    one, other = _joined(shown), _joined(printed)
    if len(one) != len(other):
        return [f"{len(other)} lines, the page shows {len(one)}", *other]
    return [
        f"{line!r}, the page shows {expected!r}"
        for expected, line in zip(one, other, strict=True)
        if not _alike(expected, line)
    ]


def _joined(text: str) -> list[str]:
    """Lines, those that were wrapped in one."""
    lines: list[str] = []
    for line in text.rstrip().splitlines():
        if line.startswith("  ") and lines and ": " in lines[-1]:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.rstrip())
    return lines


def _alike(one: str, other: str) -> bool:
    if "%, " in one:  # shares of one total: which are told, and about how large each is
        return one.split(":")[0] == other.split(":")[0]
    words, others = NUMBER.sub("#", one).split(), NUMBER.sub("#", other).split()
    numbers = zip(_numbers(one), _numbers(other), strict=False)
    return words == others and all(abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) for a, b in numbers)


def _numbers(line: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(line)]
