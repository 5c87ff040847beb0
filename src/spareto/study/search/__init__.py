"""Studies that search: a sampler proposes recipes, cheap evaluations come first, the front is trained fully.

`space` and `plan` work without torch, so nothing is imported here; `run` searches.
"""
