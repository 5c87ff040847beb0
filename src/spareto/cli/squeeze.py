"""`spareto squeeze`: one network, widened, made binary and cut to a budget."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from spareto.cli import numbers
from spareto.cli.compress import accuracy_of, loaded, target_of
from spareto.cli.console import Console, Flag, print_json, table_of
from spareto.cli.own import DataWords, NetworkWords, data_of_source
from spareto.records import WideningPlan

if TYPE_CHECKING:
    from torch import nn

    from spareto.compression.widening import Squeezed
    from spareto.data.load import FrameData
    from spareto.study.listener import StudyListener
    from spareto.study.sources import Source

HOW, DATA = NetworkWords(), DataWords()


def squeeze(
    network: str,
    plan: Path,
    /,
    *,
    how: NetworkWords = HOW,
    data: str | None = None,
    frames_are: DataWords = DATA,
    out: Path | None = None,
    seed: Annotated[int, numbers.seed()] = 0,
    device: str = "cpu",
    json: Flag = False,
    quiet: Flag = False,
) -> None:
    """Widen a trained network, make it binary, and cut it until a budget holds.

    A run that was stopped is carried on by the same command. What is written is a plain state dict of the
    smaller network: build one with as many channels as the table says, and load it.

    Args:
        network: A dense network that a study left (.safetensors), or FILE.py:NAME, a function of your own
            that returns a network of any framework.
        plan: Widening plan, YAML or JSON: multiplier, recipe, feature_weight, budget and so on.
        data: What it is trained on, as for `spareto compress`; left out, what the network's file says.
        out: File to write; left out, it is named after the network and lies in this folder.
        seed: Decides what is random.
        device: Where it is trained: cpu, cuda, or auto for a GPU if there is one.
        json: Print JSON.
        quiet: Show no progress.
    """
    from spareto.cli.progress import telling
    from spareto.data.own import load_data
    from spareto.study.machine import refuse_several
    from spareto.study.sources import open_source, save_plain

    refuse_several("squeeze")
    steps, source = WideningPlan.load(plan), open_source(network, how.changes())
    target = target_of(out, f"{source.name} squeezed")
    frames = load_data(data_of_source(source, data, frames_are))
    dense, notes = loaded(source, device, frames)
    with telling(quiet=quiet, tensorboard=None) as listener:
        listener.noted((*frames.notes, *notes))
        made = _carried_out(source, dense, steps, frames, seed, target, listener)
    right = accuracy_of(made.network, source, frames)
    save_plain(target, made.network)
    for left in target.parent.glob(f".{target.stem}.training.*.safetensors"):
        left.unlink()
    metric = steps.budget.metric if steps.budget else "bops"
    _tell(made, metric, {"network": network, "accuracy": right, "written_to": str(target)}, json=json)


def _carried_out(
    source: Source,
    dense: nn.Module,
    plan: WideningPlan,
    data: FrameData,
    seed: int,
    target: Path,
    listener: StudyListener,
) -> Squeezed[nn.Module]:
    from spareto.compression import widen_and_squeeze

    label = f"{source.name} squeezed"
    listener.training_begins(label, seed)
    made = widen_and_squeeze(
        dense,
        plan,
        data,
        seed=seed,
        checkpoint=target.with_name(f".{target.stem}.training.safetensors"),
        interface=source.interface,
        on_epoch=listener.epoch_ends,
        on_silence=partial(listener.layer_is_silent, label, seed),
    )
    made.network.cpu()
    return made


def _tell(made: Squeezed[Any], metric: str, row: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(row | {"rounds": [asdict(each) for each in made.rounds]})
        return
    console = Console(soft_wrap=True)
    unit = "bit operations" if metric == "bops" else "energy, pJ"
    table = table_of(["network", "channels of each layer"], [unit], padding=(0, 1))
    for number, each in enumerate(made.rounds):
        channels = ", ".join(map(str, each.channels.values()))
        table.add_row("wide" if number == 0 else f"cut {number}", channels, f"{each.amount:,.0f}")
    console.print(table)
    console.print(f"Accuracy on the test split: {row['accuracy']:.2%}")
    console.print(f"Written to {row['written_to']}")
