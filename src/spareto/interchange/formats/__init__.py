"""Files that networks are written to and read from, one file per format."""

from typing import Final

from spareto.core.registry import Registry
from spareto.interchange.formats._base import FileFormat as FileFormat

registry: Final[Registry[FileFormat]] = Registry("spareto.interchange.formats", FileFormat, "file format")
