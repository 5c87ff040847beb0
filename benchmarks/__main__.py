"""`python -m benchmarks`: every benchmark in turn."""

from benchmarks import grid, mappings, neurons

for benchmark in (mappings, grid, neurons):
    print(f"{benchmark.__name__}: {benchmark.__doc__.splitlines()[0]}")
    benchmark.main()
