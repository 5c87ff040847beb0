"""What the study found, in sentences computed from its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spareto.core.amounts import percent, points, times
from spareto.records.rows import MeanRow, row_chosen_by, shown_accuracy, shown_std, split_shown
from spareto.reports.findings import spread_of
from spareto.reports.results import StudyResults


@dataclass(frozen=True)
class Headline:
    """The finding.

    Args:
        title: One sentence.
        details: Further sentences.
        chosen: The recipe of least energy that stays within one point of dense accuracy, if there is one.
        rule: How it was chosen, and what its accuracy against dense is worth; empty where none is chosen.
    """

    title: str
    details: tuple[str, ...]
    chosen: MeanRow | None
    rule: str = ""


def headline(results: StudyResults) -> Headline:
    """Say what the study found; never more than its rows show."""
    dense = results.dense
    compressed = [row for row in results.means if row["regime"] != "dense"]
    if not results.means:
        return Headline("No trial has finished yet.", (), None)
    if dense is None or not compressed:
        return Headline(_range(results), _caveats(results), None)
    if not results.close:
        return Headline(_all_lose(results, compressed, dense), _caveats(results), None)
    chosen = results.close[0]
    details = (*_isolated(results, compressed), *_caveats(results))
    return Headline(_saving(chosen, dense), details, chosen, _rule(results, chosen, dense))


def difference(results: StudyResults, row: MeanRow, dense: MeanRow) -> tuple[float, float]:
    """By how much a recipe is more accurate than dense, and the spread of that difference; shares of 1.

    The two spreads add up as those of independent numbers do. Both networks saw the same samples, so
    this is rather too large than too small.
    """
    spreads = [
        spread_of(shown_accuracy(each), shown_std(each), each["seeds"], results.shown_samples)
        for each in (row, dense)
    ]
    spread = math.hypot(*spreads)
    return shown_accuracy(row) - shown_accuracy(dense), spread


def _rule(results: StudyResults, chosen: MeanRow, dense: MeanRow) -> str:
    rule = "The rule: least energy among the networks at most one point less accurate than dense."
    change, spread = difference(results, chosen, dense)
    if not spread:
        return rule
    told = f"{points(abs(change))} ± {100 * spread:.1f}"
    if abs(change) <= spread:
        return f"{rule} The accuracies differ by {told}, so by no more than the spread: they are alike."
    word = "more" if change > 0 else "less"
    return f"{rule} It is {word} accurate than dense by {told}."


def _saving(chosen: MeanRow, dense: MeanRow) -> str:
    name = chosen["trial"]
    ratio = times_less(chosen, dense)
    accuracies = f"{percent(shown_accuracy(chosen))} against {percent(shown_accuracy(dense))}"
    if chosen["energy_pj"] >= dense["energy_pj"]:
        return f"No network within one point of dense accuracy saves energy; the nearest is {name}."
    return f"{name} takes {ratio} times less energy than the dense network, at {accuracies} accuracy."


def times_less(row: MeanRow, dense: MeanRow) -> str:
    """How many times less energy a recipe takes, with the spread over the seeds: `5.26`, `5.26 ± 0.12`.

    The two relative deviations add up as those of independent numbers do.
    """
    told = times(dense["energy_pj"], row["energy_pj"])
    if not row["energy_pj"] or row["seeds"] < 2:
        return told
    ratio = dense["energy_pj"] / row["energy_pj"]
    wide = ratio * math.hypot(*(each["energy_pj_std"] / each["energy_pj"] for each in (row, dense)))
    return f"{told} ± {wide:.{len(told.partition('.')[2])}f}"


def _all_lose(results: StudyResults, compressed: list[MeanRow], dense: MeanRow) -> str:
    best = max(compressed, key=lambda row: (row_chosen_by(row), -row["energy_pj"]))
    loss, energy = points(shown_accuracy(dense) - shown_accuracy(best)), results.unit.text(best["energy_pj"])
    name, reference = best["trial"], results.unit.text(dense["energy_pj"])
    lost = f"every compressed network loses more than one point; the nearest, {name}, loses {loss}"
    return (
        f"Against dense {percent(shown_accuracy(dense))}, {lost} and takes {energy} instead of {reference}."
    )


def _range(results: StudyResults) -> str:
    first, last = results.front[0], results.front[-1]
    count = f"{len(results.front)} of {len(results.means)} networks"
    if first is last:
        energy = results.unit.text(first["energy_pj"])
        return f"The front is {first['trial']}: {energy} at {percent(shown_accuracy(first))} accuracy."
    start, end = (
        f"{results.unit.text(row['energy_pj'])} at {percent(shown_accuracy(row))}" for row in (first, last)
    )
    return f"The front holds {count}, from {start} to {end} accuracy."


def _isolated(results: StudyResults, compressed: list[MeanRow]) -> list[str]:
    """Quantization alone against pruning alone, both within one point of dense."""
    if not {"quantize", "prune"} <= {row["regime"] for row in compressed}:
        return []
    best = {"quantized": results.cheapest("quantize"), "pruned": results.cheapest("prune")}
    found = [(row, word) for word, row in best.items() if row is not None]
    if len(found) < 2:
        missing = " or ".join(word for word, row in best.items() if row is None)
        return [f"No network that is only {missing} stays within one point of dense."]
    (low, _), (high, word) = sorted(found, key=lambda pair: pair[0]["energy_pj"])
    if high["energy_pj"] - low["energy_pj"] < math.hypot(high["energy_pj_std"], low["energy_pj_std"]):
        return ["Of one technique alone, quantizing and pruning take the same energy, within their spread."]
    text, ratio = results.unit.text, times(high["energy_pj"], low["energy_pj"])
    return [
        f"Of one technique alone, {low['trial']} does best within one point of dense"
        f" ({text(low['energy_pj'])}); the best network that is only {word}, {high['trial']},"
        f" takes {ratio} times as much ({text(high['energy_pj'])})."
    ]


def _caveats(results: StudyResults) -> tuple[str, ...]:
    notes: list[str] = []
    if results.many_seeds:
        counts = sorted({row["seeds"] for row in results.means})
        seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        notes.append(f"Every number is a mean over {seeds} seeds.")
    split = split_shown(results.means)
    samples, chosen = results.meta.get(f"{split}_samples", ""), results.meta.get("validation_samples", "")
    if samples.isdecimal() and int(samples) > 0:
        grain = f"{100 / int(samples):.2f}"
        notes.append(f"One of the {int(samples):,} {split} samples is worth {grain} points of accuracy.")
    if split == "test" and chosen.isdecimal():
        notes.append(
            f"Networks were chosen on {int(chosen):,} validation samples, which no network saw in training."
        )
    return tuple(notes)
