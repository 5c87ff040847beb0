"""Spiker+ 2.0.3 as an external baseline: the same weights, spikes compared, cycles and sizes beside ours.

    pip install --no-deps spikerplus==2.0.3 tabulate    # nothing of it is part of Spareto
    python -m benchmarks.fpga.spikerplus                 # needs ghdl, and yosys for the sizes

One layer of 16 inputs and 8 neurons, 4-bit weights, 6-bit neurons, leak 1 − 2^−4, subtractive reset; 60
timesteps.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from spareto.fpga import Golden, Options
from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.estimate import counted, synthesized
from spareto.fpga.folder import write_circuit
from spareto.fpga.timing import timing_of
from spareto.fpga.windows import dense
from spareto.integer.semantics import preset

INPUTS, NEURONS, TIMESTEPS = 16, 8, 60
BENCH = """
library ieee; use ieee.std_logic_1164.all;
use std.textio.all;
entity bench is end entity;
architecture run of bench is
  signal clk, rst_n, start : std_logic := '0';
  signal ready, sample : std_logic;
  signal in_spikes : std_logic_vector(15 downto 0) := (others => '0');
  signal out_spikes : std_logic_vector(7 downto 0);
  function image(v : std_logic_vector) return string is
    variable s : string(1 to v'length); variable k : integer := 1;
  begin
    for i in v'range loop s(k) := std_logic'image(v(i))(2); k := k + 1; end loop;
    return s;
  end;
begin
  clk <= not clk after 5 ns;
  dut : entity work.network port map(clk, rst_n, start, '1', ready, sample, in_spikes, out_spikes);
  process
    file f : text open read_mode is "frames.txt";
    variable l, o : line; variable s : string(1 to 16); variable was : boolean := false;
    procedure next_frame is begin
      if not endfile(f) then
        readline(f, l); read(l, s);
        for i in 1 to 16 loop if s(i) = '1' then in_spikes(16 - i) <= '1'; else in_spikes(16 - i) <= '0'; end if; end loop;
      end if;
    end;
  begin
    wait for 22 ns; rst_n <= '1'; next_frame; wait for 20 ns; start <= '1'; wait for 60 ns; start <= '0';
    for n in 0 to 4000 loop
      wait until rising_edge(clk);
      if was then next_frame; end if;
      was := sample = '1';
      if was then
        write(o, integer'image(n) & " " & image(in_spikes) & " " & image(out_spikes)); writeline(output, o);
      end if;
    end loop;
    std.env.finish;
  end process;
end architecture;
"""  # noqa: E501 - VHDL


def theirs(folder, weights, frames):
    """Samples of Spiker+: cycle, input bits, output bits."""
    from spikerplus.vhdl.layer import Layer
    from spikerplus.vhdl.network import Network

    network = Network(n_cycles=TIMESTEPS)
    common = {"bitwidth": 6, "fp_decimals": 0, "w_inh_bw": 4, "w_exc_bw": 4, "shift": 4}
    layer = Layer(label="a", w_exc=weights.astype(float), w_inh=np.zeros((NEURONS, NEURONS)),
                  v_th=np.full(NEURONS, 16), reset="subtractive", functional=True, **common)  # fmt: skip
    network.add(layer)
    network.write_file_all(output_dir=str(folder / "vhdl"), rm=False)
    (folder / "frames.txt").write_text("".join("".join(map(str, f[::-1])) + "\n" for f in frames))
    (folder / "bench.vhd").write_text(BENCH)
    sources = sorted(str(path) for path in (folder / "vhdl").glob("*.vhd"))
    for words in (["-i", *sources, "bench.vhd"], ["-m", "-fsynopsys", "bench"]):
        subprocess.run(["ghdl", words[0], "--std=08", *words[1:]], cwd=folder, check=True)
    done = subprocess.run(["ghdl", "-r", "--std=08", "bench"], cwd=folder, check=True, capture_output=True)
    rows = [line.split() for line in done.stdout.decode().splitlines() if line[:1].isdigit()]
    bits = [[[int(c) for c in row[part]][::-1] for row in rows] for part in (1, 2)]
    return np.array([int(row[0]) for row in rows]), np.array(bits[0]), np.array(bits[1])


def sizes(folder, circuit):
    """Look-up tables of their layer and of ours, by yosys."""
    text = subprocess.run(["ghdl", "--synth", "--std=08", "--out=verilog", "network"],
                          cwd=folder, check=True, capture_output=True).stdout  # fmt: skip
    (folder / "theirs.v").write_bytes(text)
    one = counted(synthesized(["yosys"], folder, ["theirs.v"], "xc7", "network", 7200.0), "xc7", "yosys")
    files = write_circuit(circuit, folder / "ours", Options(), None)
    sources = [path.name for path in files if path.name.startswith("stage0") and path.suffix == ".v"]
    top = min(sources, key=len)[:-2]
    other = counted(synthesized(["yosys"], folder / "ours", sources, "xc7", top, 7200.0), "xc7", "yosys")
    return one, other


def main():
    """Print what differs."""
    rng = np.random.default_rng(3)
    weights = rng.integers(-7, 8, (NEURONS, INPUTS))
    frames = (rng.random((TIMESTEPS, INPUTS)) < 0.25).astype(int)
    frames[10:12], frames[20] = 0, 1
    level = np.full(NEURONS, 16)
    how = preset("spiker", leak_shift=4, weight_bits=4, neuron_bits=6)
    stage = Neurons("layer", -1, how, dense(INPUTS), weights, level, level, 0 * level, units=NEURONS)
    circuit = Circuit(INPUTS, NEURONS, (stage,))
    with tempfile.TemporaryDirectory() as name:
        cycles, given, got = theirs(Path(name), weights, frames)
        ours = Golden(circuit).run(given[:, None, :])[0][:, 0]
        differ = int((ours[:-1] != got[1:]).sum())
        print(f"spikes: {differ} of {got[1:].size} differ; theirs leave at the next sample")
        fired, active = got[1:].any(1), given.any(1)
        kinds = sorted(
            {(bool(a), bool(f), int(c)) for a, f, c in zip(active, fired, np.diff(cycles), strict=False)}
        )
        for spiked, back, count in kinds:
            mine = timing_of(stage).cycles(int(spiked))
            print(
                f"a timestep, inputs spike {spiked}, neurons fire {back}: cycles theirs {count}, ours {mine}"
            )
        if "--sizes" in sys.argv:
            for title, found in zip(("theirs", "ours"), sizes(Path(name), circuit), strict=True):
                print(f"{title}: {found.luts} LUTs, {found.registers} registers, {found.latches} latches")


if __name__ == "__main__":
    main()
