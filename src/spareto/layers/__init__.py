"""Spiking layers that networks are built of, one file each."""
