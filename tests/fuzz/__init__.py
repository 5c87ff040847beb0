"""Files of strangers: each reader is given mutations of a good file, and may only refuse in our own words."""
