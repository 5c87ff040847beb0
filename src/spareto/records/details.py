"""What one trial looked like: its training, its errors, its weights and some of its spikes, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from spareto.core.bounds import Amount, Natural, Positive, Signed
from spareto.core.config import Record, load_sealed, save_sealed


class EpochPoint(Record):
    """One epoch of a training.

    Args:
        epoch: Its number, from 1; a training that was killed and carried on knows only its later ones.
        loss: Mean training loss.
        learning_rate: Of the last step.
        accuracy: Share of the held-out samples classified correctly; None if none are held out.
    """

    epoch: Positive
    loss: Signed
    learning_rate: Amount
    accuracy: Amount | None = None


class WeightHistogram(Record):
    """The weights of one layer before and after compression.

    Args:
        name: The layer.
        low: Left end of the first bin.
        high: Right end of the last bin.
        before: Weights of the dense network in each bin of equal width.
        after: Weights of the compressed network in each bin, zeros left out.
        zeros: Zero weights of the compressed network.
        levels: Its distinct values, if they are few: the quantization levels.
    """

    name: str
    low: Signed
    high: Signed
    before: tuple[Natural, ...]
    after: tuple[Natural, ...]
    zeros: Natural
    levels: tuple[Signed, ...] = ()


class SpikeRaster(Record):
    """Spikes of some neurons of one layer on one sample.

    Args:
        name: The layer.
        neurons: How many neurons the layer has.
        shown: Which of them are in the raster.
        spikes: A row per timestep, a character per shown neuron: `1` for a spike, `.` for none.
    """

    name: str
    neurons: Natural
    shown: tuple[Natural, ...]
    spikes: tuple[str, ...]


class SampleView(Record):
    """One test sample: what the network saw, did and said.

    Args:
        index: Place in the test split.
        label: Its class.
        frames: A text per timestep, a digit per pixel row by row: events of all polarities, at most 9.
        height: Rows of a frame.
        width: Columns of a frame.
        answers: The answer's value of each class, one row per timestep, after that many timesteps; one row
            for a network whose answer over time is not seen.
        rasters: Spikes, a layer each.
    """

    index: Natural
    label: Natural
    frames: tuple[str, ...] = ()
    height: Natural = 0
    width: Natural = 0
    answers: tuple[tuple[Signed, ...], ...]
    rasters: tuple[SpikeRaster, ...] = ()


class NeuronSilence(Record):
    """Neurons of a layer that no sample of the test split made fire."""

    name: str
    neurons: Natural
    silent: Natural


class TrialDetails(Record):
    """What one trial looked like.

    Args:
        version: Version of this format.
        epochs: The training by the recipe, an entry per epoch.
        confusion: Test samples by true class (row) and answer (column).
        weights: A histogram a layer.
        silence: Neurons that never fire, a layer each.
        samples: A few test samples.
    """

    version: Literal[1] = 1
    epochs: tuple[EpochPoint, ...] = ()
    confusion: tuple[tuple[Natural, ...], ...] = ()
    weights: tuple[WeightHistogram, ...] = ()
    silence: tuple[NeuronSilence, ...] = ()
    samples: tuple[SampleView, ...] = ()

    def save(self, path: str | Path) -> None:
        """Write as JSON with its checksum, atomically."""
        save_sealed(Path(path), self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ConfigError: The file is missing, is not as it was written, or breaks a rule.
        """
        return cls.parse(load_sealed(path), "details", whole=True)
