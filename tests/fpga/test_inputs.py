"""The rate encoder and the wrappers around a network, simulated."""

import re
import shutil
import subprocess
from random import Random

import numpy as np
import pytest

from fpga.random_circuits import dense_circuit, frames_for
from spareto.fpga import Golden, Options
from spareto.fpga.folder import write_circuit
from spareto.fpga.rate import encoded, register

AXIS = """
module bench;
    reg clk = 0, rst = 1; always #5 clk = ~clk;
    reg [{wide}:0] words [0:{last}]; initial $readmemh("words.hex", words);
    integer n = 0, seed = {seed}; wire ready, valid, ends; wire [31:0] data;
    reg offers = 0, takes = 0, waits = 0, held = 0, was_end; reg [31:0] was;
    network_axis dut (.aclk(clk), .aresetn(!rst), .s_axis_tdata(words[n][{top}:0]),
        .s_axis_tlast(n == {last}), .s_axis_tvalid(offers), .s_axis_tready(ready),
        .m_axis_tdata(data), .m_axis_tlast(ends), .m_axis_tvalid(valid), .m_axis_tready(takes));
    always @(negedge clk) begin  // an offer stays until it is taken; nobody waits for the other
        offers = !rst && n <= {last} && (waits || {seed} == 0 || $random(seed) % 3 == 0);
        takes = {seed} == 0 || $random(seed) % 3 == 0;
    end
    always @(posedge clk) begin
        rst <= 0; waits <= offers && !ready;
        if (offers && ready) n <= n + 1;
        if (held && (!valid || data !== was || ends !== was_end)) $display("CHANGED before it was taken");
        held <= valid && !takes; was <= data; was_end <= ends;
        if (valid && takes) begin $display("GOT %0d", data); if (ends) $finish; end
    end
endmodule
"""
SERIAL = """
module bench;
    reg clk = 0, rst = 1; always #5 clk = ~clk;
    reg [{wide}:0] words [0:{last}]; initial $readmemh("words.hex", words);
    reg rx = 1; wire tx; integer n, b, got; reg [7:0] answer;
    network_serial #(.DIVIDER(16'd4)) dut (.clk(clk), .rst(rst), .rx(rx), .tx(tx));
    initial begin
        #42 rst = 0; #100;
        for (n = 0; n <= {last}; n = n + 1) begin
            rx = 0; #40; for (b = 0; b < 8; b = b + 1) begin rx = words[n][b]; #40; end rx = 1; #400;
        end
    end
    initial for (got = 0; got < {bytes}; got = got + 1) begin
        @(negedge tx); #60; for (b = 0; b < 8; b = b + 1) begin answer[b] = tx; #40; end
        $display("GOT %0d", answer); if (got == {bytes} - 1) $finish;
    end
endmodule
"""


def test_the_shift_register_comes_back_after_all_numbers_but_zero():
    states = register(5, (1 << 16) - 1)
    assert len(np.unique(states)) == (1 << 16) - 1


def test_a_pixel_spikes_as_often_as_it_is_bright():
    images = np.array([[0, 64, 128, 255]])
    share = encoded(images, 4000).mean((0, 1))
    assert np.allclose(share, images[0] / 256, atol=0.03)


def test_images_become_spikes_on_the_chip(simulated):
    circuit = dense_circuit(Random(4))
    images = np.random.default_rng(0).integers(0, 256, (3, circuit.inputs))
    simulated(circuit, encoded(images, 5), images=images, stream="rate", timesteps=5)


@pytest.mark.parametrize(
    ("name", "bench", "seed"),
    [("axis", AXIS, 0), ("axis", AXIS, 1), ("axis", AXIS, 2), ("serial", SERIAL, 0)],
)
def test_wrappers_give_the_votes(name, bench, seed, tmp_path):
    if shutil.which("iverilog") is None:
        pytest.skip("no Icarus Verilog here: apt-get install iverilog")
    pick = Random(8)
    circuit = dense_circuit(pick)
    frames = frames_for(pick, circuit, 6, 1)
    options = Options(word_bits=8, count_bits=8, timesteps=6, wrappers=("axis", "serial"))
    write_circuit(circuit, tmp_path, options, frames)
    words = [int(line, 16) for line in (tmp_path / "vectors_stream.hex").read_text().split()]
    bits = min(8, circuit.inputs)
    (tmp_path / "words.hex").write_text("".join(f"{word:x}\n" for word in words))
    count = circuit.classes
    text = bench.format(wide=bits, top=7, last=len(words) - 1, bytes=1 + count, seed=seed)
    (tmp_path / "bench.v").write_text(text)
    sources = [path.name for path in tmp_path.glob("*.v") if path.name != "testbench.v"]
    build = ["iverilog", "-g2005", "-s", "bench", "-o", "bench", *sources]
    subprocess.run(build, cwd=tmp_path, check=True, timeout=120)
    done = subprocess.run(["vvp", "-n", "bench"], cwd=tmp_path, check=True, timeout=120, capture_output=True)
    votes = Golden(circuit).votes(frames)[0].tolist()
    said = done.stdout.decode()
    assert "CHANGED" not in said
    assert [int(n) for n in re.findall(r"GOT (\d+)", said)] == [int(np.argmax(votes)), *votes]
