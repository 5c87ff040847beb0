"""`python -m benchmarks`: every benchmark in turn."""

from benchmarks import compression, mappings, neurons

for benchmark in (compression, mappings, neurons):
    print(f"{benchmark.__name__}: {benchmark.__doc__.splitlines()[0]}")
    benchmark.main()
