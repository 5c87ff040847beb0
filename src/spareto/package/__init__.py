"""A network in one file: integers, weights truly encoded, test vectors. Numpy only."""

from spareto.package.file import VERSION as VERSION
from spareto.package.file import Package as Package
from spareto.package.file import read_package as read_package
from spareto.package.file import write_package as write_package
from spareto.package.vectors import Vectors as Vectors
from spareto.package.vectors import vectors_of as vectors_of
