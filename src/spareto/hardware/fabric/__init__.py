"""What a spiking network takes on an FPGA: cycles, memories, logic; the generator counts with it, too."""
