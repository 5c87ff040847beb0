"""Measurements of generated Verilog."""
