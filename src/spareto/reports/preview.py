"""Pictures of recordings: their frames side by side, or one after the other."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from spareto.core.artifacts import replacing
from spareto.core.errors import InputError, Problem
from spareto.reports.figures.style import STYLE

Pixels = npt.NDArray[np.uint8]
ON, OFF = (213, 94, 0), (0, 114, 178)
"""Vermilion and blue, which all kinds of colour vision tell apart."""

SUFFIXES: Final = (".png", ".gif")
SIDE, SMALLEST = 128, 8
FRAME_MS: Final = 120


def write_preview(path: Path, frames: npt.NDArray[np.uint8], labels: Sequence[int], title: str) -> None:
    """Write frames as a picture (`.png`, a row per recording) or as an animation (`.gif`).

    ON events are vermilion, OFF events blue, a pixel with both is dark; without polarity, or of images, grey.

    Args:
        path: The file; its ending says which.
        frames: Shape (time, recordings, polarities, height, width).
        labels: Class of each recording.
        title: What is shown.

    Raises:
        InputError: The file ends otherwise.
        StoreError: The file cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        rule, cure = "a name that ends with .png or .gif", "Choose one of these."
        raise InputError(Problem("--out", str(path), rule, cure))
    pictures = [[_enlarged(_colored(frame)) for frame in recording] for recording in frames.swapaxes(0, 1)]
    content = _animation(pictures) if path.suffix.lower() == ".gif" else _sheet(pictures, labels, title)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _colored(frame: npt.NDArray[np.uint8]) -> Pixels:
    """One frame (polarities, height, width) on white, shape (height, width, 3)."""
    shade = frame.astype(np.float64) / max(1, int(frame.max()))
    shade = np.where(frame > 0, 0.35 + 0.65 * shade, 0)[..., None]
    if len(frame) != 2:
        return (255 * (1 - shade.sum(0).clip(0, 1)) * np.ones(3)).astype(np.uint8)
    off, on = shade
    white = np.array([255.0, 255.0, 255.0])
    return (white * (1 - on * (1 - np.array(ON) / 255)) * (1 - off * (1 - np.array(OFF) / 255))).astype(
        np.uint8
    )


def _enlarged(picture: Pixels) -> Pixels:
    """Every pixel as a square, so that the longer side has about 128; of one row, a band."""
    height, width = picture.shape[:2]
    factor = max(1, SIDE // max(height, width))
    return picture.repeat(max(factor, -(-SMALLEST // height)), axis=0).repeat(factor, axis=1)


def _animation(pictures: Sequence[Sequence[Pixels]]) -> bytes:
    """All recordings beside each other, a frame at a time."""
    edge = np.full((pictures[0][0].shape[0], 2, 3), 200, np.uint8)
    steps = [
        np.concatenate([part for recording in pictures for part in (recording[step], edge)][:-1], axis=1)
        for step in range(len(pictures[0]))
    ]
    images = [Image.fromarray(step) for step in steps]
    packed = io.BytesIO()
    images[0].save(packed, "GIF", save_all=True, append_images=images[1:], duration=FRAME_MS, loop=0)
    return packed.getvalue()


def _sheet(pictures: Sequence[Sequence[Pixels]], labels: Sequence[int], title: str) -> bytes:
    """A row per recording, a column per timestep."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = len(pictures), len(pictures[0])
    height, width = pictures[0][0].shape[:2]
    size: Any = (1.05 * columns + 0.6, (1.05 * height / width + 0.12) * rows + 0.7)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, dpi=120)
        canvas = FigureCanvasAgg(figure)
        panels: Any = figure.subplots(rows, columns, squeeze=False)
        for place, recording in enumerate(pictures):
            for step, picture in enumerate(recording):
                axes = panels[place, step]
                axes.imshow(picture, interpolation="nearest")
                axes.set_xticks([])
                axes.set_yticks([])
                for spine in axes.spines.values():
                    spine.set_visible(True)
                    spine.set_linewidth(0.4)
                if place == 0:
                    axes.set_title(str(step), fontsize=7)
            panels[place, 0].set_ylabel(f"class {labels[place]}", fontsize=7)
        figure.suptitle(title, fontsize=9)
        packed = io.BytesIO()
        canvas.print_png(packed, metadata={"Software": None})
    return packed.getvalue()
