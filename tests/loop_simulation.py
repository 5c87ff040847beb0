"""A tiny layer run loop by loop, every access of every memory counted one at a time.

Independent of the formulas under test: it walks the nest, holds real sets of elements and compares them.
A memory holds one tile. When the innermost loop that moves the tile advances, what the new tile shares with
the one before stays; when a loop further out advances, the tile is fetched whole.
"""

from itertools import product

from spareto.hardware.describing.problem import DIMS, RELEVANT


class Simulation:
    def __init__(self, problem, nest):
        self.problem, self.nest = problem, nest
        self.loops = [(loop.level, loop.kind, loop.dim, int(loop.bound[0])) for loop in nest.loops]

    def elements(self, tensor, index):
        """The elements one iteration touches."""
        sy, sx = self.problem.stride
        if tensor == "weights":
            return (index["G"], index["M"], index["C"], index["R"], index["S"])
        if tensor == "outputs":
            return (index["T"], index["N"], index["G"], index["M"], index["P"], index["Q"])
        return (
            *(index[dim] for dim in ("T", "N", "G", "C")),
            index["P"] * sy + index["R"],
            index["Q"] * sx + index["S"],
        )

    def iterations(self, fixed):
        """All index vectors of the nest that agree with the fixed loop counters."""
        ranges = [[fixed[i]] if i in fixed else range(loop[3]) for i, loop in enumerate(self.loops)]
        for counters in product(*ranges):
            index = dict.fromkeys(DIMS, 0)
            for (_, _, dim, bound), counter in zip(self.loops, counters, strict=True):
                index[dim] = index[dim] * bound + counter
            yield index

    def place(self, level):
        return self.nest.levels.index(level)

    def outside(self, level, kind):
        return [
            i
            for i, loop in enumerate(self.loops)
            if self.place(loop[0]) < self.place(level) and loop[1] == kind
        ]

    def tiles(self, tensor, level, instance):
        """The tiles one instance holds, step by step, with the outermost loop that advanced."""
        outer = self.outside(level, "temporal")
        before = None
        for counters in product(*(range(self.loops[i][3]) for i in outer)):
            fixed = dict(zip(outer, counters, strict=True)) | instance
            tile = {self.elements(tensor, index) for index in self.iterations(fixed)}
            moved = None
            if before is not None:
                moved = next(i for i, a, b in zip(outer, before, counters, strict=True) if a != b)
            yield moved, tile
            before = counters

    def fills(self, tensor, level, instance):
        moving = [
            i
            for i in self.outside(level, "temporal")
            if self.loops[i][2] in RELEVANT[tensor] and self.loops[i][3] > 1
        ]
        total, held = 0, set()
        for moved, tile in self.tiles(tensor, level, instance):
            if moved is not None and moving and moved < moving[-1]:
                held = set()
            total += len(tile - held)
            held = tile
        return total

    def instances(self, level):
        outer = self.outside(level, "spatial")
        for counters in product(*(range(self.loops[i][3]) for i in outer)):
            yield dict(zip(outer, counters, strict=True))

    def served(self, tensor, level, child):
        """Elements that one instance of `level` sends to (or gets from) what is inside it."""
        own = self.outside(level, "spatial")
        seen, total = set(), 0
        for instance in self.units(child):
            if any(instance[i] for i in own):
                continue  # another instance of `level`
            relevant = tuple(v for i, v in sorted(instance.items()) if self.loops[i][2] in RELEVANT[tensor])
            if relevant not in seen:  # the others get, or add up, the same
                seen.add(relevant)
                total += self.steps() if child is None else self.fills(tensor, child, instance)
        return total

    def units(self, child):
        if child is not None:
            yield from self.instances(child)
            return
        spatial = [i for i, loop in enumerate(self.loops) if loop[1] == "spatial"]
        for counters in product(*(range(self.loops[i][3]) for i in spatial)):
            yield dict(zip(spatial, counters, strict=True))

    def steps(self):
        total = 1
        for loop in self.loops:
            total *= loop[3] if loop[1] == "temporal" else 1
        return total

    def distinct(self, tensor, level, instance):
        return len({self.elements(tensor, index) for index in self.iterations(instance)})
