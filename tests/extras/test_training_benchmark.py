"""The benchmark compares equal networks, and prints what it measured."""

import json
import time
from collections import Counter

import pytest
import torch

from spareto.networks import build

pytest.importorskip("snntorch", reason="needs the extra 'snntorch'")
pytest.importorskip("spikingjelly", reason="needs the extra 'spikingjelly'")
pytest.importorskip("norse.torch", reason="needs the extra 'norse'")

from benchmarks import memory, timing, training
from benchmarks.peers import PEERS

CONV = {"sensor": (2, 8, 8), "classes": 3, "channels": (4, 6), "votes": 2, "hidden": (5,)}
DENSE = {"sensor": (1, 1, 30), "classes": 3, "hidden": (8,), "votes": 1, "batch_norm": False}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(
    ("name", "options", "loudness"), [("conv", CONV, 6.0), ("dense", DENSE, 15.0)], ids=["conv", "dense"]
)
def test_a_rebuilt_network_gives_our_rates(peer, name, options, loudness):
    torch.manual_seed(0)
    network, frames = build(name, **options), (torch.rand(12, 4, *options["sensor"]) < 0.4).float()
    for parameter in network.parameters():
        parameter.data *= loudness
    rates = network.eval()(frames)
    with torch.no_grad():
        theirs = PEERS[peer](network).eval()(frames)
    assert 0.02 < rates.mean() < 0.9
    torch.testing.assert_close(theirs, rates, atol=1e-6, rtol=0)


def test_another_network_is_refused():
    network, frames, _ = training.make(training.Workload(("dense", DENSE), 5, 4, 0.5))
    other = PEERS["spikingjelly"](network)
    torch.nn.init.constant_(other.layers[-2].weight, 5.0)
    with pytest.raises(RuntimeError, match="expected the same network"):
        training.refuse_other_numbers({"spareto": network, "spikingjelly": other}, frames)


def test_ratios_are_taken_round_by_round():
    seconds = {"slow": [4.0, 9.0, 40.0], "fast": [2.0, 3.0, 4.0]}
    assert timing.ratio(seconds, "slow", "fast") == 3.0
    assert timing.milliseconds(seconds, "slow") == 9000.0


def test_runs_take_turns_after_a_round_that_does_not_count(monkeypatch):
    monkeypatch.setattr(timing, "TURN", 0.0)
    monkeypatch.setattr(timing, "SETTLES", 0.0)
    for threads, turns in (
        (1, ["a", "b"] * 2),
        (2, ["a", "a", "b", "b"] * 2),
    ):  # with several, one settles first
        monkeypatch.setattr(timing.torch, "get_num_threads", lambda threads=threads: threads)
        order = []
        seconds = timing.in_turns(
            {name: lambda name=name, order=order: order.append(name) for name in "ab"}, rounds=2
        )
        assert order == ["a", "b", *turns]
        assert {name: len(times) for name, times in seconds.items()} == {"a": 2, "b": 2}


def test_short_runs_repeat_equally_often_until_the_fastest_fills_a_turn(monkeypatch):
    monkeypatch.setattr(timing, "TURN", 0.02)
    monkeypatch.setattr(timing, "SETTLES", 0.0)
    monkeypatch.setattr(timing.torch, "get_num_threads", lambda: 2)  # wall time, which sleep takes
    counts = Counter()

    def run(name, seconds):
        counts[name] += 1
        time.sleep(seconds)

    seconds = timing.in_turns({"slow": lambda: run("slow", 0.02), "fast": lambda: run("fast", 0.005)}, 2)
    assert counts["slow"] == counts["fast"]
    assert 3 <= (counts["fast"] - 1) / 2 - 1 <= 4  # a run may sleep longer than it was asked to
    assert all(0.02 <= each < 0.1 for each in seconds["slow"])


def test_the_table_as_json(monkeypatch, capsys):
    small = {"dense": training.Workload(("dense", DENSE), timesteps=5, batch=4, density=0.5)}
    monkeypatch.setattr(training, "WORKLOADS", small)
    training.main(["--workloads", "dense", "--threads", "1", "--rounds", "1", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [(row["workload"], row["threads"], row["peer"]) for row in rows] == [
        ("dense", 1, p) for p in PEERS
    ]
    assert all(row["ratio"] == pytest.approx(row["peer_ms"] / row["ours_ms"]) for row in rows)
    assert all(0 < density < 1 for density in rows[0]["densities"])


@pytest.mark.parametrize("native", [True, False])
def test_rows_say_what_input_gradients_really_ran_in(monkeypatch, capsys, native):
    small = {"dense": training.Workload(("dense", DENSE), timesteps=5, batch=4, density=0.5)}
    monkeypatch.setattr(training, "WORKLOADS", small)
    monkeypatch.setattr(training, "native_bfloat16", lambda: native)
    rest = ["--workloads", "dense", "--threads", "1", "--rounds", "1", "--peers", "norse", "--json"]
    for asked, kind in (([], "float32"), (["--bf16"], "bfloat16" if native else "float32")):
        training.main([*asked, *rest])
        assert [row["input_gradient"] for row in json.loads(capsys.readouterr().out)] == [kind]


def test_memory_is_compared_with_the_leanest_peer():
    peaks = {"spareto": 100, "recompute": 50, "norse": 300, "snntorch": 400}
    rows = [memory.Row(case, 4, peak, 10) for case, peak in peaks.items()]
    assert memory.leanest(4, rows) == [
        "B=4   spareto       needs 1/3.00 of norse, the leanest peer",
        "B=4   recompute     needs 1/6.00 of norse, the leanest peer",
    ]
    assert memory.leanest(4, rows[:2]) == []
