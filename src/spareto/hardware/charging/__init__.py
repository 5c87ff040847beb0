"""What it costs: bits moved, operations, wires, neurons, time and area of one layer at many design points."""
