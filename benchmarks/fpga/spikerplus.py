"""Spiker+ (package `spikerplus` 2.0.3) beside ours, on the same weights and spikes.

It is an external program whose licence statements contradict each other, so that it is called and nothing of
it is kept. Install it by hand, in an environment that is thrown away: pip install spikerplus==2.0.3 tabulate

    python -m benchmarks.fpga.spikerplus                        # needs ghdl, and yosys for the sizes
    python -m benchmarks.fpga.spikerplus --package runs/fpga/digits-128-4bit-0-seed0.spareto --timesteps 20

Without a package, one layer of 16 inputs and 8 neurons, 4-bit weights, 6-bit neurons, leak 1 − 2^−4,
subtractive reset; 60 timesteps. With one, its network on its first test image.
"""

import argparse
import re
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from spareto.fpga import Golden, Options, circuit_of
from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.folder import write_circuit
from spareto.fpga.synthesis import counted, synthesized
from spareto.fpga.timing import timings
from spareto.fpga.windows import dense
from spareto.integer.semantics import preset
from spareto.package import read_package

INPUTS, NEURONS, TIMESTEPS = 16, 8, 60
BENCH = """
library ieee; use ieee.std_logic_1164.all;
use std.textio.all;
entity bench is end entity;
architecture run of bench is
  signal clk, rst_n, start : std_logic := '0';
  signal ready, sample : std_logic;
  signal in_spikes : std_logic_vector(@IN@ - 1 downto 0) := (others => '0');
  signal out_spikes : std_logic_vector(@OUT@ - 1 downto 0);
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
    variable l, o : line; variable s : string(1 to @IN@); variable was : boolean := false;
    procedure next_frame is begin
      if not endfile(f) then
        readline(f, l); read(l, s);
        for i in 1 to @IN@ loop if s(i) = '1' then in_spikes(@IN@ - i) <= '1'; else in_spikes(@IN@ - i) <= '0'; end if; end loop;
      end if;
    end;
  begin
    wait for 22 ns; rst_n <= '1'; next_frame; wait for 20 ns; start <= '1'; wait for 60 ns; start <= '0';
    for n in 0 to @MOST@ loop
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


def theirs(folder, circuit, frames):
    """Samples of Spiker+: cycle, input bits, output bits."""
    from spikerplus.vhdl.layer import Layer
    from spikerplus.vhdl.network import Network

    steps = len(frames)
    network = Network(n_cycles=steps)
    common = {"bitwidth": 6, "fp_decimals": 0, "w_inh_bw": 4, "w_exc_bw": 4, "shift": 4}
    for number, stage in enumerate(circuit.stages):
        none = np.zeros((stage.channels, stage.channels))
        network.add(
            Layer(label="ab"[number], w_exc=stage.weights.astype(float), w_inh=none, v_th=stage.threshold,
                  reset="subtractive", functional=True, **common)
        )  # fmt: skip
    network.write_file_all(output_dir=str(folder / "vhdl"), rm=False)
    (folder / "frames.txt").write_text("".join("".join(map(str, f[::-1])) + "\n" for f in frames))
    most = sum(stage.weights.shape[1] + stage.channels + 20 for stage in circuit.stages) * (steps + 4)
    names = {"@IN@": circuit.inputs, "@OUT@": circuit.stages[-1].outputs, "@MOST@": max(4000, most)}
    bench = BENCH
    for name, value in names.items():
        bench = bench.replace(name, str(value))
    (folder / "bench.vhd").write_text(bench)
    sources = sorted(str(path) for path in (folder / "vhdl").glob("*.vhd"))
    for words in (["-i", *sources, "bench.vhd"], ["-m", "-fsynopsys", "bench"]):
        subprocess.run(["ghdl", words[0], "--std=08", *words[1:]], cwd=folder, check=True)
    done = subprocess.run(["ghdl", "-r", "--std=08", "bench"], cwd=folder, check=True, capture_output=True)
    rows = [line.split() for line in done.stdout.decode().splitlines() if line[:1].isdigit()]
    bits = [[[int(c) for c in row[part]][::-1] for row in rows] for part in (1, 2)]
    return np.array([int(row[0]) for row in rows]), np.array(bits[0]), np.array(bits[1])


def sizes(folder, circuit, whole):
    """Look-up tables of their network and of ours, by yosys.

    Args:
        folder: Where `theirs` wrote.
        circuit: The circuit.
        whole: All layers, their memories of weights as black boxes, for ghdl makes logic of them; ours with
            the input's register and the counters of the classes. Else their one layer and ours alone.
    """
    apart = folder / "sized"
    apart.mkdir()
    sources = [str(path) for path in sorted((folder / "vhdl").glob("*.vhd"))]
    kept = [path for path in sources if not (whole and path.endswith("_ip.vhd"))]
    for words in (["-i", *kept], ["-m", "-fsynopsys", "network"]):
        subprocess.run(["ghdl", words[0], "--std=08", *words[1:]], cwd=apart, check=True, capture_output=True)
    synth = ["ghdl", "--synth", "--std=08", "-fsynopsys", "--out=verilog", "network"]
    text = subprocess.run(synth, cwd=apart, check=True, capture_output=True, text=True).stdout
    text = re.sub(r"^module (\w+_ip)\b", r"(* blackbox *) module \1", text, flags=re.MULTILINE)
    (apart / "theirs.v").write_text(text)
    one = counted(synthesized(["yosys"], apart, ["theirs.v"], "xc7", "network", 7200.0), "xc7", "yosys")
    files = write_circuit(circuit, folder / "ours", Options(), None)
    sources = [path.name for path in files if path.suffix == ".v"]
    sources = sources if whole else [name for name in sources if name.startswith("stage0")]
    top = "network" if whole else min(sources, key=len)[:-2]
    other = counted(synthesized(["yosys"], folder / "ours", sources, "xc7", top, 7200.0), "xc7", "yosys")
    return one, other


def layer():
    """One layer of random weights, and frames."""
    rng = np.random.default_rng(3)
    weights = rng.integers(-7, 8, (NEURONS, INPUTS))
    frames = (rng.random((TIMESTEPS, INPUTS)) < 0.25).astype(int)
    frames[10:12], frames[20] = 0, 1
    level = np.full(NEURONS, 16)
    how = preset("spiker", leak_shift=4, weight_bits=4, neuron_bits=6)
    stage = Neurons("layer", -1, how, dense(INPUTS), weights, level, level, 0 * level, units=NEURONS)
    return Circuit(INPUTS, NEURONS, (stage,)), frames


def trained(path, steps):
    """A package's network as Spiker+ computes, and its first image."""
    package = read_package(path)
    circuit = circuit_of(package.network, Options(semantics="spiker", neuron_bits=6))
    return circuit, package.vectors.frames[:steps, 0].reshape(steps, -1).astype(int)


def compared(circuit, given, got):
    """How many output bits differ, at the delay of the fewest: differing, delay, all, spikes of both."""
    ours = Golden(circuit).run(given[:, None, :])[-1][:, 0]
    found = []
    for delay in range(len(circuit.stages) + 2):
        a, b = ours[: len(ours) - delay], got[delay:]
        found.append((int((a != b).sum()), delay, b.size, int(a.sum()), int(b.sum())))
    return min(found)


def told(circuit, cycles, given):
    """Cycles of each timestep, theirs beside ours: the slowest stage of ours sets its pace."""
    golden, stages = Golden(circuit), timings(circuit)
    rows = []
    for frame, (begin, end) in zip(given, pairwise(cycles), strict=False):
        wires = [frame[None], *golden.step(frame[None])]
        counts = [int(wire.sum()) for wire in wires[:-1]]
        mine = [stage.cycles(count) for stage, count in zip(stages, counts, strict=True)]
        rows.append((counts[0] > 0, int(end - begin), max(mine)))
    for row in sorted(set(rows)):
        print(f"inputs spike {row[0]}: cycles theirs {row[1]}, ours {row[2]}; {rows.count(row)} timesteps")
    print(f"all: theirs {sum(row[1] for row in rows)}, ours {sum(row[2] for row in rows)}")


def main():
    """Print what differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--package", type=Path, default=None)
    parser.add_argument("--timesteps", type=int, default=20)
    parser.add_argument("--sizes", action="store_true")
    asked = parser.parse_args()
    circuit, frames = layer() if asked.package is None else trained(asked.package, asked.timesteps)
    with tempfile.TemporaryDirectory() as name:
        cycles, given, got = theirs(Path(name), circuit, frames)
        differ, delay, size, mine, other = compared(circuit, given, got)
        print(
            f"spikes: {differ} of {size} differ, ours {mine}, theirs {other}; theirs {delay} timesteps later"
        )
        told(circuit, cycles, given)
        if asked.sizes:
            whole = asked.package is not None
            for title, found in zip(("theirs", "ours"), sizes(Path(name), circuit, whole), strict=True):
                print(f"{title}: {found.luts} LUTs, {found.registers} registers, {found.latches} latches")


if __name__ == "__main__":
    main()
