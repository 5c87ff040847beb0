"""Spiking layers as custom operators: what `torch.compile` sees of the kernels.

Eager calls go straight to the autograd nodes of `kernels.fused`. Inside a graph the same kernels are
`spareto::sums` (events or dense, decided by the density each time the graph runs), `spareto::fire` and
`spareto::unpack`, each with a fake implementation and its gradient.
"""
