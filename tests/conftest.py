"""Set-up of all tests; its place also makes `tests/` importable: `import factories`."""

import os

from hypothesis import settings

# One thread: the same order of additions, and so the same bits. Torch reads it when imported.
os.environ["OMP_NUM_THREADS"] = "1"

# The machine may be busy training; a slow example is not a failing one. Continuous integration tries the same
# examples every time, people's machines look for new ones.
settings.register_profile("spareto", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("spareto")
