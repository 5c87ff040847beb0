"""C sources become libraries here: compiled once, cached, checked, and chosen by the processor. No torch."""
