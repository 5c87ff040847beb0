"""One training loop, its losses, schedule and checkpoints."""

from spareto.training.accuracy import accuracy as accuracy
from spareto.training.checkpoint import load_checkpoint as load_checkpoint
from spareto.training.checkpoint import read_manifest as read_manifest
from spareto.training.checkpoint import save_checkpoint as save_checkpoint
from spareto.training.loop import BeforeStep as BeforeStep
from spareto.training.loop import EpochReport as EpochReport
from spareto.training.loop import Listener as Listener
from spareto.training.loop import Milestones as Milestones
from spareto.training.loop import train as train
