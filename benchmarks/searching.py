"""A search against the whole grid: hypervolumes at stated numbers of trials, median over sampler seeds.

    python -m benchmarks.searching STUDY.yaml SEARCHES.yaml --out FOLDER --seeds 5

All searches share a run folder, so a recipe is trained once whoever proposes it. Accuracies are those of the
validation split; the test split stays sealed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median

from spareto import recipes
from spareto.core.config import load_keys
from spareto.study.config import StudyConfig
from spareto.study.front import hypervolume
from spareto.study.objectives import point_of, reference_point, senses_of
from spareto.study.run import open_study
from spareto.study.search.plan import SearchPlan
from spareto.study.search.run import propose


def volumes(tried, dense, config) -> list[float]:
    """Hypervolume after each trial: a share of the box from the reference point to accuracy 1, energy 0."""
    senses = senses_of(config.objectives)
    reference = reference_point(dense, config.objectives)
    whole = hypervolume([(1.0, 0.0)], reference, senses)
    points = [point_of(each.trial, config.objectives) for each in tried]
    return [hypervolume(points[: count + 1], reference, senses) / whole for count in range(len(points))]


def reward(trial, dense) -> float:
    """What the learned search maximizes: energy saved, less 10 times the accuracy lost beyond a point."""
    drop = dense.chosen_by - trial.chosen_by
    return 1 - trial.energy_pj / dense.energy_pj - 10 * max(0.0, drop - 0.01)


def main() -> None:
    """Run what the command line asks for and print one JSON line a search."""
    parser = argparse.ArgumentParser()
    parser.add_argument("study", type=Path)
    parser.add_argument("searches", type=Path, help="YAML: name to a search; 'grid' first")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*")
    chosen = parser.parse_args()
    config = StudyConfig.load(chosen.study)
    with open_study(config, chosen.out) as study:
        dense = study.known.trial(recipes.dense(), config.seeds[0], "search")
        ends: dict[str, list[float]] = {}
        searches = load_keys(chosen.searches)
        for seed in range(chosen.seeds):
            for name, keys in searches.items():
                if (chosen.only and name not in chosen.only) or (name == "grid" and seed):
                    continue
                plan = SearchPlan.parse({**keys, "seed": seed}, name)
                tried = propose(config, plan, study.known, study.untrained)
                curve = volumes(tried, dense, config)
                ends.setdefault(name, []).append(curve[-1])
                unique = len({each.recipe.hash for each in tried})
                line = {"search": name, "seed": seed, "trials": len(tried), "different": unique}
                line |= {"reward": max(reward(each.trial, dense) for each in tried)}
                line |= {"hypervolume": curve[-1], "curve": [round(value, 4) for value in curve]}
                print(json.dumps(line), flush=True)
        for name, values in ends.items():
            print(json.dumps({"search": name, "median": median(values), "all": values}), flush=True)


if __name__ == "__main__":
    main()
