"""From an integer network to an FPGA: circuit, golden model, Verilog, and the free tools that check it.

`build.py` makes a circuit of a network, `golden.py` runs it in numpy, `verilog/` writes it, `folder.py` keeps
what was written. `simulation.py` and `synthesis.py` call free tools. No torch.
"""

from spareto.fpga.build import circuit_of as circuit_of
from spareto.fpga.circuit import Circuit as Circuit
from spareto.fpga.folder import write_design as write_design
from spareto.fpga.golden import Golden as Golden
from spareto.fpga.options import Options as Options
from spareto.fpga.options import options_of as options_of
from spareto.fpga.simulation import Simulation as Simulation
from spareto.fpga.simulation import simulate as simulate
from spareto.fpga.summary import report as report
from spareto.fpga.synthesis import SizeEstimate as SizeEstimate
from spareto.fpga.synthesis import estimate as estimate
from spareto.fpga.timing_report import Timing as Timing
from spareto.fpga.timing_report import route as route
