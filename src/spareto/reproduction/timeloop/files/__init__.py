"""Descriptions of Timeloop and Accelergy: architecture, energies, problem and mapping, read and written."""

from spareto.reproduction.timeloop.files.assemble import TimeloopFiles as TimeloopFiles
from spareto.reproduction.timeloop.files.assemble import read_files as read_files
from spareto.reproduction.timeloop.files.write import write_files as write_files
