"""What a description may say: accelerators and their parts, the loops of a layer, and their nesting."""
