"""Integer networks for other machines: one file a target."""

from typing import Final

from spareto.core.registry import Registry
from spareto.export._base import Exported as Exported
from spareto.export._base import Target as Target

registry: Final[Registry[Target]] = Registry("spareto.export", Target, "export target")
