"""What the study found, in sentences computed from its rows."""

from __future__ import annotations

from dataclasses import dataclass

from spareto.core.amounts import percent, points, times
from spareto.records.rows import MeanRow, row_chosen_by, shown_accuracy, split_shown
from spareto.reports.results import StudyResults


@dataclass(frozen=True)
class Headline:
    """The finding.

    Args:
        title: One sentence.
        details: Further sentences.
        chosen: The recipe of least energy that stays within one point of dense accuracy, if there is one.
    """

    title: str
    details: tuple[str, ...]
    chosen: MeanRow | None


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
    return Headline(_saving(chosen, dense), (*_isolated(results, compressed), *_caveats(results)), chosen)


def _saving(chosen: MeanRow, dense: MeanRow) -> str:
    name = chosen["trial"]
    ratio, accuracies = times(dense["energy_pj"], chosen["energy_pj"]), _against(chosen, dense)
    if chosen["energy_pj"] >= dense["energy_pj"]:
        return f"No network within one point of dense accuracy saves energy; the nearest is {name}."
    return f"{name} takes {ratio} times less energy than the dense network, at {accuracies} accuracy."


def _against(row: MeanRow, dense: MeanRow) -> str:
    return f"{percent(shown_accuracy(row))} against {percent(shown_accuracy(dense))}"


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
