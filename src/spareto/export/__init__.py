"""Integer networks for other machines: one file a target."""

from typing import Final

from spareto.core.registry import Registry
from spareto.export._base import Exported as Exported
from spareto.export._base import Target as Target
from spareto.export._replay import Replay as Replay
from spareto.export._replay import compiled_c99 as compiled_c99
from spareto.export._replay import replay as replay

registry: Final[Registry[Target]] = Registry("spareto.export", Target, "export target")
