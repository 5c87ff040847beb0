"""A composite agent: a DDPG actor for shares and widths, a Rainbow head on its features for a kind.

No maintained library gives both parts for the torch we pin: TorchRL's prioritised replay needs its compiled
part, which does not load there, and Stable-Baselines3 has no Rainbow. So both are written out.
"""
