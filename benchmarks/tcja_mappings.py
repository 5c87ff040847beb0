"""Which few mappings of each layer serve the whole grid of the TCJA study: `reproduction/tcja/mappings.yaml`.

python -m benchmarks.tcja_mappings > mappings.json
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from spareto.hardware.accelerators import load_accelerator
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.nest import Nest
from spareto.hardware.mapping.capacity import Widths
from spareto.hardware.mapping.descent import Descent
from spareto.hardware.mapping.neighbours import Neighbours
from spareto.reproduction.tcja.chip import FORMATS
from spareto.reproduction.tcja.mappings import MappingFile, line_of
from spareto.reproduction.tcja.network import StudyLayer, StudyPoint
from spareto.reproduction.tcja.network_cost import Columns, Study, run_layer
from spareto.reproduction.timeloop.accounting import Amount

# Corners and middle of the grid; what is best there is close to best everywhere.
_SAMPLES: Final = tuple(
    (StudyPoint("joint", target, bits), name)
    for target in (0.0, 0.8, 0.95)
    for bits in (2, 4, 8)
    for name in FORMATS
)
_WORD_BITS = 8  # activations as wide as they get, so that every mapping fits at every setting
_WORTH = 0.005  # another mapping is kept if it lowers the geometric mean of energy x delay by that share


def search_mappings(study: Study) -> MappingFile:
    """Search mappings of the least energy-delay product and keep the few that matter."""
    array = load_accelerator(study.chip.array)
    if not isinstance(array, Accelerator):
        raise TypeError(f"{study.chip.array} is not an array with a mapping")
    return MappingFile(
        version=1,
        about="found by benchmarks.tcja_mappings for the grid of the study, objective energy x delay",
        levels=tuple(level.name for level in array.levels),
        mappings={layer.name: tuple(_lines(study, layer, array)) for layer in study.network.layers},
    )


def _lines(study: Study, layer: StudyLayer, array: Accelerator) -> Iterator[str]:
    widths = Widths(
        weights=int(array.dataflow.weights_sized_for.amount),
        inputs=_WORD_BITS,
        outputs=int(study.chip.known.partial_sum_width.amount),
    )
    neighbours = Neighbours(layer.problem, array, widths)
    found = Descent(neighbours, len(_SAMPLES), lambda nest: _delay_energy(study, layer, nest)).run()
    nests = {line_of(nest): nest for nest in (neighbours.nest(t.skeleton, t.bounds[None]) for t in found)}
    table = np.log(np.concatenate([_delay_energy(study, layer, nest) for nest in nests.values()], axis=1))
    return (list(nests)[row] for row in _worthwhile(table))


def _worthwhile(table: Amount) -> Iterator[int]:
    """Columns of a (points, mappings) table, the best first, each next the one that helps most."""
    best = np.full(len(table), np.inf)
    gain = np.inf
    while gain > _WORTH:
        means = np.minimum(best[:, None], table).mean(axis=0)
        chosen = int(np.argmin(means))
        gain = float(best.mean() - means[chosen]) if np.isfinite(best).all() else np.inf
        if gain > _WORTH:
            yield chosen
        best = np.minimum(best, table[:, chosen])


def _delay_energy(study: Study, layer: StudyLayer, nest: Nest) -> Amount:
    """Energy x delay, shape (points, mappings)."""
    nest = replace(nest, loops=tuple(replace(loop, bound=loop.bound[:, None]) for loop in nest.loops))
    count = max((len(loop.bound) for loop in nest.loops), default=1)
    place = [each.name for each in study.network.layers].index(layer.name)
    columns = Columns(
        bits=np.array([setting.bits for setting, _ in _SAMPLES], np.float64),
        density=np.array([1.0 - study.network.sparsity(setting)[place] for setting, _ in _SAMPLES]),
        formats=tuple(name for _, name in _SAMPLES),
    )
    outcome = run_layer(study, layer, nest, columns)
    energy = sum(outcome.component_energy_pj().values(), np.zeros(1))
    return np.broadcast_to(energy * outcome.cycles, (count, len(_SAMPLES))).T


if __name__ == "__main__":
    print(json.dumps(search_mappings(Study.load()).to_dict(), indent=1))
