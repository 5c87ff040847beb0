"""Studies: many recipes on one network, each finished trial stored at once.

`store`, `front` and `config` work without torch, so nothing is imported here; `run` trains.
"""
