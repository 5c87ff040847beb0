"""Errors, plug-in lookup, parsing and files: knows neither torch nor spikes."""
