"""The event-driven engine of integer networks: numpy and C, no torch."""
