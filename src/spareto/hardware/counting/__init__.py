"""How much there is to do: accesses, operations, lanes, and where zeros and spikes really are."""
