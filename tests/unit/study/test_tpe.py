"""The estimator's shortcut: the variables that it draws together are known, not looked up in every trial."""

import pytest

from spareto.study.search.samplers import Outcome, SearchTask
from spareto.study.search.samplers.tpe import TPESampler
from spareto.study.search.space import Variable

pytest.importorskip("optuna", reason="needs the extra 'search'")
VARIABLES = (
    Variable("b:bits", (2, 3, 4, 8), "b"),
    Variable("sparsity", (0.0, 0.25, 0.5, 0.75)),
    Variable("pruner", ("magnitude", "random", "snip")),
    Variable("a:bits", (8,), "a"),
)


class LookingUp(TPESampler):
    """The slow twin: Optuna goes through all trials before each proposal."""

    def sampler(self, seed, constraints):
        made = super().sampler(seed, constraints)
        del made.infer_relative_search_space
        return made


def proposals(sampler, *, trials=40, start=(), constraints=0, refuse=lambda number: number % 7 == 3):
    """What it proposes while it is told that few bits and much sparsity are cheap and wrong."""
    sampler.begin(SearchTask(VARIABLES, ("max", "min"), constraints, trials, seed=5, start=start))
    points = []
    for number in range(trials):
        point = sampler.ask(number)
        points.append(point)
        bits, kept = point["b:bits"], 1 - point["sparsity"]
        told = Outcome((1 - 1 / (bits * (kept + 0.1)), bits * kept), (0.5 - kept,) * constraints, 0.9, 1.0)
        sampler.tell(point, None if refuse(number) else told)
    return points


@pytest.mark.parametrize("constraints", [0, 1])
@pytest.mark.parametrize("refuse", [lambda number: number % 7 == 3, lambda number: number < 15])
@pytest.mark.parametrize("start", [(), ({"sparsity": 0.5}, {"b:bits": 2, "pruner": "snip"})])
def test_proposals_are_those_of_the_slow_twin(constraints, refuse, start) -> None:
    told = {"constraints": constraints, "refuse": refuse, "start": start}
    found = proposals(TPESampler(), **told)
    assert found == proposals(LookingUp(), **told)
    assert len({str(point) for point in found}) > 10
