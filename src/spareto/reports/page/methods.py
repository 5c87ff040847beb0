"""What a paper needs from a study: commands, a methods paragraph, references."""

from __future__ import annotations

import json
from typing import Any, Final, cast

import yaml

from spareto._version import __version__
from spareto.records.rows import MeanRow
from spareto.reports.results import StudyResults

BIBTEX: Final = f"""@software{{spareto,
  title = {{Spareto: smaller spiking networks, and the energy they take}},
  version = {{{__version__}}},
  license = {{Apache-2.0}}
}}

@article{{schaefer2023,
  author = {{Schaefer, Clemens J. S. and Taheri, Pooria and Horeni, Mark and Joshi, Siddharth}},
  title = {{The Hardware Impact of Quantization and Pruning for Weights in Spiking Neural Networks}},
  journal = {{IEEE Transactions on Circuits and Systems II}},
  year = {{2023}},
  eprint = {{2302.04174}},
  archivePrefix = {{arXiv}}
}}
"""


def plan_of(results: StudyResults) -> dict[str, Any]:
    """The study file as data; empty for studies of older versions, which did not keep it."""
    text = results.meta.get("plan", "")
    found: Any = json.loads(text) if text else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def plan_yaml(results: StudyResults) -> str:
    """The study file, as one would write it."""
    plan = plan_of(results)
    return _yaml(plan) if plan else ""


def recipe_yaml(results: StudyResults, row: MeanRow) -> str:
    """The whole recipe of a point, ready for a recipe file."""
    recipe = results.of(row)[0].recipe
    return _yaml(recipe.to_dict())


def _yaml(data: Any) -> str:
    """As people write it; libyaml, where it is there, is ten times as fast."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True)


def commands(results: StudyResults) -> str:
    """What makes this page again, line by line."""
    where = results.files.where() if results.files else f"runs/{results.title}"
    return "\n".join(
        [
            f"pip install spareto=={__version__}",
            f"spareto study run study.yaml --out {where}    # study.yaml is below",
            f"spareto report {where}",
        ]
    )


def methods(results: StudyResults) -> str:
    """A paragraph for a paper, every number of it from the study."""
    if not results.trials:
        return ""
    first = results.trials[0]
    cost, meta, plan = first.best_cost, results.meta, plan_of(results)
    seeds = sorted({trial.manifest.seed for trial in results.trials})
    versions = first.manifest.versions
    trained = _training(plan.get("training")) + _training(plan.get("compression_training"), " by a recipe")
    packages = ", ".join(f"{name} {versions[name]}" for name in ("torch", "numpy") if name in versions)
    seeded = f"seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f"seed {seeds[0]}"
    formats = ", ".join(results.weight_formats)
    network, data = meta.get("network", "under study"), meta.get("dataset", "its data")
    tested = meta.get("test_samples", "the")
    sentences = [
        f"The network {network} was trained on {data}{_frames(meta)} and compressed by"
        f" {len(results.means)} recipes with {seeded}.{trained}{_chosen(meta)}",
        f"Accuracy is that of {tested} test samples with the weights as they are stored.",
        f"Energy and cycles of one inference were modelled with Spareto {__version__} on the accelerator"
        f" {cost.accelerator} ({cost.mode} accounting, {cost.statistic} spiking activity).",
        f"Of the weight formats {formats}, each network counts with the one that takes least energy.",
        f"Computed with {packages}.",
    ]
    return " ".join(sentences)


def _chosen(meta: Any) -> str:
    samples = meta.get("validation_samples", "")
    return f" Networks were compared on {samples} validation samples." if samples else ""


def _frames(meta: Any) -> str:
    steps = meta.get("timesteps", "")
    return f" in {steps} timesteps" if steps.isdecimal() else ""


def _training(plan: Any, how: str = "") -> str:
    """A sentence on a training plan."""
    if not plan or not plan.get("epochs"):
        return ""
    name = "Trainings" + how if how else "Dense networks"
    return (
        f" {name} took {plan['epochs']} epochs with batches of {plan['batch_size']}, a peak learning rate of"
        f" {plan['learning_rate']:g}, {plan['warmup_epochs']} warm-up epochs and cosine decay."
    )
