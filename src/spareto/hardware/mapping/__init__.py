"""Loop nests, whether they fit, and how they are found."""
