"""One training loop, its losses, schedule and checkpoints."""

from spareto.training.checkpoint import best_path as best_path
from spareto.training.checkpoint import load_checkpoint as load_checkpoint
from spareto.training.checkpoint import read_manifest as read_manifest
from spareto.training.checkpoint import save_checkpoint as save_checkpoint
from spareto.training.evaluation import evaluate as evaluate
from spareto.training.health import SilentLayerWarning as SilentLayerWarning
from spareto.training.health import warn_of_silence as warn_of_silence
from spareto.training.listening import BeforeStep as BeforeStep
from spareto.training.listening import EpochReport as EpochReport
from spareto.training.listening import ExtraLoss as ExtraLoss
from spareto.training.listening import Listener as Listener
from spareto.training.listening import Milestones as Milestones
from spareto.training.listening import SilenceListener as SilenceListener
from spareto.training.loop import train as train
from spareto.training.seeds import SeedResult as SeedResult
from spareto.training.seeds import train_seeds as train_seeds
