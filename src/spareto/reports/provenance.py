"""Where a report's numbers come from, and what they count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spareto._version import __version__
from spareto.reports.results import StudyResults

_NAMES = {
    "study": "Study",
    "network": "Network",
    "dataset": "Data set",
    "test_samples": "Test samples",
    "accelerator": "Accelerator",
}
_IN_MANIFESTS = ("data_hash", "base_hash")
_ELSEWHERE = ("plan", "accelerator_data")  # the page shows them whole
_ABSENT = "Not counted: anything else, such as the sensor, the host"


def provenance(results: StudyResults) -> list[tuple[str, str]]:
    """Names and values: what the study knows of itself, then what its trials' manifests say."""
    manifests = [trial.manifest for trial in results.trials]
    costs = [trial.best_cost for trial in results.trials]
    meta = {key: value for key, value in results.meta.items() if key not in (*_IN_MANIFESTS, *_ELSEWHERE)}
    meta.setdefault("accelerator", _distinct(cost.accelerator for cost in costs))
    versions = {name: version for manifest in manifests for name, version in manifest.versions.items()}
    entries = [(_NAMES[key], meta.pop(key)) for key in _NAMES if meta.get(key)]
    entries += [
        ("Accounting", _distinct(f"{cost.mode}, {cost.statistic} activity" for cost in costs)),
        ("Seeds", _distinct(manifest.seed for manifest in manifests)),
        ("Data hash", _distinct(manifest.data_hash for manifest in manifests)),
        ("Base networks", _distinct(manifest.base_hash for manifest in manifests)),
        ("Computed with", ", ".join(f"{name} {versions[name]}" for name in sorted(versions))),
        ("Training and measuring", f"{sum(trial.seconds for trial in results.trials) / 60:.1f} minutes"),
        *((key.replace("_", " ").capitalize(), value) for key, value in meta.items()),
        ("Report written by", f"spareto {__version__}"),
    ]
    return [(name, value) for name, value in entries if value]


def counted(results: StudyResults) -> list[tuple[str, str]]:
    """Each component with the actions it was charged for, as far as any trial was charged."""
    found: dict[str, dict[str, None]] = {}
    for trial in results.trials:
        for layer in trial.best_cost.layers:
            for action in layer.actions:
                text = f"{action.tensor} {action.action}".strip().replace("_", " ")
                found.setdefault(action.component, {})[text] = None
    return [(component, ", ".join(actions)) for component, actions in found.items()]


def not_counted(results: StudyResults) -> str:
    """One sentence on what is left out; leakage is named unless some component was charged for it."""
    leaks = any("idle" in actions for _, actions in counted(results))
    return f"{_ABSENT}." if leaks else f"{_ABSENT}, the clock and leakage."


def meta_line(meta: Mapping[str, str]) -> str:
    """The study in one line: `conv · digits · eyeriss_like`."""
    return " · ".join(meta[key] for key in ("network", "dataset", "accelerator") if meta.get(key))


def _distinct(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))
