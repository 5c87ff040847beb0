"""The tables of `spareto learn`: accuracy and cost of all networks, then the accounting of the largest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Final

from rich.table import Table

from spareto.cli.console import Console, table_of
from spareto.core.amounts import digits, energy, memory
from spareto.plasticity.accounting import total_bits
from spareto.plasticity.config import LocalStudy
from spareto.plasticity.results import LocalResult, ResultRow, rows

PUBLISHED: Final = (
    "Published for FSpiNN at 4,900 neurons: memory / 7.5, energy of training / 3.5, of inference / 1.8."
)
_LINES: Final = {
    "weights": "weights",
    "neurons": "neurons",
    "inhibitory_neurons": "inhibitory neurons",
    "traces": "traces",
    "inhibition": "inhibition, one number",
    "inhibition_stored": "inhibition, if stored",
    "input_additions": "input additions",
    "lateral_additions": "lateral additions",
    "neuron_updates": "neuron updates",
    "trace_updates": "trace updates",
    "weight_update_moments": "moments of change",
    "weights_written": "weights written",
    "weights_normalised": "weights normalised",
    "weights_written_densely": "written, if dense",
}


def print_results(
    study: LocalStudy,
    results: Sequence[LocalResult],
    simple: Mapping[str, float],
    images: Mapping[str, int],
) -> None:
    """Print both tables, at most 80 columns wide.

    Args:
        study: The study.
        results: Its results.
        simple: Accuracy of classifiers without spikes.
        images: How many images were learnt, ranked on, tested.
    """
    console, made = Console(), rows(results, study.networks[0].called, study.score, study.vote)
    console.print(_networks(made, study))
    console.print(
        f"{images['learnt']:,} images learnt {study.epochs} times, ranked on {images['ranked']:,} others, "
        f"tested on {images['test']:,}. Labels of the learnt images "
        f"alone name the neurons; vote '{study.vote}'."
    )
    console.print(
        f"Without spikes: the commonest class {100 * simple['majority']:.1f} %, a linear classifier "
        f"{100 * simple['linear']:.1f} %."
    )
    score = study.score
    console.print(
        f"score = validation accuracy − ({score.memory_weight:g} × memory + {score.energy_weight:g} × energy "
        f"learnt), {study.networks[0].called} of the same size as 1."
    )
    best = max(made, key=lambda row: row.score)
    console.print(f"Best score: {best.label}, {best.neurons:,} neurons.")
    _accounting(console, study, results)


def _networks(made: Sequence[ResultRow], study: LocalStudy) -> Table:
    table = _table(
        "network", "neurons", "test\n%", "valid.\n%", "memory", "energy\nlearnt", "energy\ninference", "score"
    )
    for row in made:
        spread = f" ±{100 * row.spread('test', study.vote):.1f}" if len(row.results) > 1 else ""
        table.add_row(
            row.label,
            f"{row.neurons:,}",
            f"{100 * row.accuracy('test', study.vote):.1f}{spread}",
            f"{100 * row.accuracy('validation', study.vote):.1f}",
            memory(row.memory_bits),
            energy(row.learning_pj),
            energy(row.watching_pj),
            f"{row.score:.3f}",
        )
    return table


def _accounting(console: Console, study: LocalStudy, results: Sequence[LocalResult]) -> None:
    """What the first network and the last one take, line by line, at the largest size."""
    first, last = study.networks[0].called, study.networks[-1].called
    most = max(result.neurons for result in results)
    two = [[r for r in results if r.label == label and r.neurons == most] for label in (first, last)]
    if first == last:
        return
    console.print(f"\nA mean sample at {most:,} neurons, {first} and {last}:")
    table = _table("", first, last, "ratio")

    def line(name: str, values: Sequence[float], shown: Sequence[str]) -> None:
        ratio = f"{digits(values[0] / values[1])}" if values[1] else ""
        table.add_row(name, *shown, ratio)

    bits = [group[0].memory() for group in two]
    for part in bits[0]:
        values = [each[part] for each in bits]
        line(f"memory: {_LINES[part]}", values, [memory(value) for value in values])
    for stored, name in ((False, "memory, all"), (True, "memory, inhibition stored")):
        values = [total_bits(each, stored_inhibition=stored) for each in bits]
        line(name, values, [memory(value) for value in values])
    for learns, when in ((True, "learnt"), (False, "inference")):
        done = [_mean([result.operations(learns=learns) for result in group]) for group in two]
        for part in done[0]:
            values = [each[part] for each in done]
            if any(values):
                line(f"{when}: {_LINES[part]}", values, [f"{value:,.0f}" for value in values])
        values = [mean(sum(r.energy(learns=learns).values()) for r in group) for group in two]
        line(f"{when}: energy", values, [energy(value) for value in values])
    console.print(table)
    console.print(PUBLISHED)


def _mean(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: mean(each[name] for each in parts) for name in parts[0]}


def _table(*headers: str) -> Table:
    table = table_of()
    for number, header in enumerate(headers):
        table.add_column(header, justify="right" if number else "left", overflow="fold")
    return table
