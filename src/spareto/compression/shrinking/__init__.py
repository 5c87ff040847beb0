"""Cut pruned channels out of a network, so that it is smaller, not only sparser."""

from spareto.compression.shrinking.shrinker import shrink as shrink
