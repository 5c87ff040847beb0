"""Descriptions of Timeloop and Accelergy: architecture, energies, problem and mapping, read and written."""

from spareto.hardware.timeloop_files.assemble import TimeloopFiles as TimeloopFiles
from spareto.hardware.timeloop_files.assemble import read_files as read_files
from spareto.hardware.timeloop_files.write import write_files as write_files
