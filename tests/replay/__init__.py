"""Kernel calls recorded on one build of the C kernels and made again on another."""
