"""Verilog-2005 of a circuit: modules, memories and a testbench that checks itself."""
