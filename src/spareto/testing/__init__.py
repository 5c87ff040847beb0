"""Contract suites, shipped for the authors of plug-ins."""
