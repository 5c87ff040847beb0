"""A search: proposals that are evaluated cheaply, then trainings, then every seed for the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from torch import nn

from spareto import recipes
from spareto.compression.checks import refuse_merged_starts
from spareto.compression.layers import synaptic_layers
from spareto.core.artifacts import fingerprint
from spareto.core.errors import ConfigError, InputError, Problem, StoreError
from spareto.records import Recipe, Trial
from spareto.study.config import StudyConfig
from spareto.study.front import front
from spareto.study.known import KnownTrials
from spareto.study.objectives import excesses, point_of, senses_of
from spareto.study.search.coarse import refined
from spareto.study.search.fronts import first_fronts
from spareto.study.search.halving import halve
from spareto.study.search.plan import SearchPlan
from spareto.study.search.recipes import recipe_of
from spareto.study.search.samplers import Outcome, Sampler, SearchTask, registry
from spareto.study.search.sensitivity import facts_of, measure, narrowed, starting_points
from spareto.study.search.space import Point, Variable

ATTEMPTS: Final = 50
"""Proposals a trial, at most, of which all but one mean no recipe that can be carried out."""


@dataclass(frozen=True)
class Searched:
    """A trial of a search.

    Args:
        recipe: What was proposed, with its training.
        trial: What came of it, with or without training.
        holds: Whether it keeps every constraint.
    """

    recipe: Recipe
    trial: Trial
    holds: bool


def search(
    config: StudyConfig, plan: SearchPlan, known: KnownTrials, untrained: nn.Module
) -> tuple[Trial, ...]:
    """Carry out a search; killed at any moment, the same call ends with the same trials.

    Args:
        config: The study.
        plan: Its search.
        known: Carries out recipes that are not in the store.
        untrained: A network of the study, to refuse on it what cannot be carried out.

    Returns:
        The dense network and the finalists, with every seed.

    Raises:
        ConfigError: The space means nothing, or none of its recipes can be carried out.
        UnknownName: There is no such sampler.
        StoreError: Optuna proposes something else than it did when the search was begun.
    """
    tried = propose(config, plan, known, untrained)
    senses = senses_of(config.objectives)
    allowed = [each for each in tried if each.holds]
    if not allowed:
        known.runner.listener.noted(("No recipe keeps every constraint; those nearest to it are trained.",))
        allowed = tried
    wanted = plan.halving.candidates if plan.halving else plan.finalists
    points = [point_of(each.trial, config.objectives) for each in allowed]
    chosen = [allowed[index] for index in first_fronts(points, senses, wanted)]
    if plan.halving is not None:
        racing = [(each.recipe, each.trial.energy_pj) for each in chosen]
        recipes_left = _finalists(halve(racing, plan.halving, known, config.seeds[0]), config, plan, known)
    else:
        recipes_left = [each.recipe for each in chosen]
    ended = [(recipe, seed) for seed in config.seeds for recipe in (recipes.dense(), *recipes_left)]
    return known.trials(list({(recipe.hash, seed): (recipe, seed) for recipe, seed in ended}.values()))


def propose(
    config: StudyConfig, plan: SearchPlan, known: KnownTrials, untrained: nn.Module
) -> list[Searched]:
    """Ask the sampler for every trial of the search, and carry each out with the first seed."""
    seed = config.seeds[0]
    before = [] if plan.coarse is None else propose(config, plan.coarse, known, untrained)
    variables = plan.space.variables(list(synaptic_layers(untrained)))
    sampler: Sampler = registry.make(
        plan.sampler.name, "study.search.sampler.options", **plan.sampler.options
    )
    dense = known.trial(recipes.dense(), seed, "search")
    task = _task(config, plan, known, variables, dense)
    sampler.begin(replace(task, start=(*task.start, *_front_of(before, config, task.variables))))
    search_key = fingerprint([known.runner.base_hash, _identity(config, plan)])
    tried: list[Searched] = []
    stored, attempt = known.store.proposals(), 0
    while len(tried) < plan.trials and attempt < ATTEMPTS * plan.trials:
        point = sampler.ask(attempt)
        if point is None:
            break
        recipe = _recipe(point, variables, plan, config)
        trial = None if recipe is None else _carried_out(recipe, plan, known, untrained, seed)
        _keep(known, f"{search_key}/{attempt}", point, None if trial is None else recipe, stored)
        attempt += 1
        if recipe is None or trial is None:
            sampler.tell(point, None)
            continue
        beyond = excesses(trial, dense, config.constraints)
        sampler.tell(
            point, Outcome(point_of(trial, config.objectives), beyond, trial.chosen_by, trial.energy_pj)
        )
        tried.append(Searched(recipe, trial, all(each <= 0 for each in beyond)))
    if not tried:
        rule, cure = "a recipe that can be carried out", "Look at study.search.space and study.search.recipe."
        raise ConfigError(Problem("study.search.space", f"{attempt} proposals without one", rule, cure))
    return [*before, *tried]


def _front_of(tried: Sequence[Searched], config: StudyConfig, variables: Sequence[Variable]) -> list[Point]:
    """The front of a search that went before, in the variables of the one that follows."""
    if not tried:
        return []
    pool = [each for each in tried if each.holds] or list(tried)
    points = [point_of(each.trial, config.objectives) for each in pool]
    flags = front(points, senses_of(config.objectives))
    return refined([each.trial for each, on in zip(pool, flags, strict=True) if on], variables)


def _identity(config: StudyConfig, plan: SearchPlan) -> list[Any]:
    """What proposals follow from, beside what came of them."""
    parts = plan.to_dict()
    for later in ("trials", "halving", "finalists"):
        parts.pop(later)
    wanted = [each.to_dict() for each in (*config.objectives, *config.constraints)]
    return [parts, wanted, config.seeds[0], config.compression_training.to_dict()]


def _task(
    config: StudyConfig, plan: SearchPlan, known: KnownTrials, variables: Sequence[Variable], dense: Trial
) -> SearchTask:
    first, seed = plan.start, config.seeds[0]
    workload = known.workload(recipes.dense(), seed)
    facts, energy_of = facts_of(workload.layers, dense), None
    start: list[Point] = []
    if plan.sensitivity or plan.sampler.name == "learned":
        own = {variable.layer for variable in variables}
        names = [layer.name for layer in facts if layer.name in known.layers(seed)]
        table = measure(config, known, names)
        start, energy_of = starting_points(table, variables), table.energy_of
        if plan.narrow is not None and own:
            variables = narrowed(table, variables, plan.narrow)
            start = [point for point in start if _inside(point, variables)]
    return SearchTask(
        variables=variables,
        senses=senses_of(config.objectives),
        constraints=len(config.constraints),
        trials=plan.trials,
        seed=plan.seed,
        start=(*first, *start),
        layers=facts,
        dense_energy_pj=dense.energy_pj,
        dense_accuracy=dense.chosen_by,
        **({} if energy_of is None else {"energy_of": energy_of}),
    )


def _inside(point: Point, variables: Sequence[Variable]) -> bool:
    values = {variable.name: variable.values for variable in variables}
    return all(value in values[name] for name, value in point.items())


def _recipe(
    point: Point, variables: Sequence[Variable], plan: SearchPlan, config: StudyConfig
) -> Recipe | None:
    """The recipe of a point, or None if it means none."""
    try:
        recipe = recipe_of(point, variables, plan.recipe, config.compression_training)
        refuse_merged_starts(recipe)
    except InputError:
        return None
    return recipe


def _carried_out(
    recipe: Recipe, plan: SearchPlan, known: KnownTrials, untrained: nn.Module, seed: int
) -> Trial | None:
    """The trial of a recipe, or None where it cannot be carried out; nothing is trained to find out."""
    evaluated = _evaluated(recipe, plan)
    try:
        if evaluated.training.epochs and not known.has(evaluated, seed):
            known.runner.rehearse(untrained, evaluated)
        return known.trial(evaluated, seed, "search")
    except InputError:
        if known.has(evaluated, seed):
            raise  # it can be carried out: something else is wrong
        return None


def _evaluated(recipe: Recipe, plan: SearchPlan) -> Recipe:
    """What a trial of the search carries out: the recipe, trained or not."""
    if plan.evaluation == "trained" or not recipe.steps:
        return recipe
    return recipe.replace(training=recipe.training.replace(epochs=0))


def _finalists(
    trained: Sequence[Trial], config: StudyConfig, plan: SearchPlan, known: KnownTrials
) -> list[Recipe]:
    """Of the trainings that were not stopped, the front among those that keep every constraint."""
    dense = known.trial(recipes.dense(), config.seeds[0], "search")
    keeps = [t for t in trained if all(each <= 0 for each in excesses(t, dense, config.constraints))]
    senses = senses_of(config.objectives)
    pool = keeps or list(trained)
    points = [point_of(trial, config.objectives) for trial in pool]
    return [pool[index].recipe for index in first_fronts(points, senses, plan.finalists)]


def _keep(
    known: KnownTrials, key: str, point: Point, recipe: Recipe | None, stored: dict[str, dict[str, Any]]
) -> None:
    """Store a proposal; one that was stored before must be the same."""
    proposal = {"point": point, "recipe_hash": None if recipe is None else recipe.hash}
    if key not in stored:
        known.store.put_proposal(key, proposal)
    elif stored[key] != proposal:
        got = f"proposal {key.rpartition('/')[2]} of {point}"
        rule = f"{stored[key]['point']}, as when the search was begun"
        cure = "Another version of Optuna draws otherwise: install the former one, or choose another folder."
        raise StoreError(Problem(str(known.store.path), got, rule, cure))
