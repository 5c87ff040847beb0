"""`python -m benchmarks`: every benchmark in turn, each file that has a `main` and is `possible`."""

import pkgutil
from importlib import import_module

import benchmarks

for found in pkgutil.iter_modules(benchmarks.__path__):
    if found.name == "__main__":
        continue
    benchmark = import_module(f"benchmarks.{found.name}")
    if hasattr(benchmark, "main") and getattr(benchmark, "possible", lambda: True)():
        print(f"{benchmark.__name__}: {(benchmark.__doc__ or '').splitlines()[0]}")
        benchmark.main()
