"""QONNX: a lowered network as a graph of integer nodes for one timestep."""
