"""Labelled event recordings and images, and the frames a network sees of them; never imports torch."""

from spareto.core.registry import Registry
from spareto.data._base import Dataset as Dataset
from spareto.data._base import DatasetInfo as DatasetInfo
from spareto.data._base import ImageEncoder as ImageEncoder
from spareto.data._base import Images as Images
from spareto.data._base import Recordings as Recordings
from spareto.data._base import SplitName as SplitName

registry: Registry[Dataset] = Registry("spareto.data.datasets", Dataset, "data set")
