"""Set-up of all tests; its place also makes `tests/` importable: `import factories`."""

from hypothesis import settings

# The machine may be busy training; a slow example is not a failing one.
settings.register_profile("spareto", deadline=None)
settings.load_profile("spareto")
