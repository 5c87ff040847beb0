"""NIR, the Neuromorphic Intermediate Representation: its graphs read, made ours, and written."""
