"""Runs of the cost model on inputs whose results were published, ours beside theirs."""
