"""The device that the tests in `tests/gpu` run on: `cuda`, or what `SPARETO_TEST_DEVICE` names.

`SPARETO_TEST_DEVICE=cpu` runs the same tests without a GPU, to know that they themselves are right.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

DEVICE = os.environ.get("SPARETO_TEST_DEVICE", "cuda")


def skip_without_device() -> None:
    """Skip the module that calls it where the device is missing."""
    if DEVICE == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device", allow_module_level=True)


@contextmanager
def exact_products() -> Iterator[None]:
    """No TensorFloat-32 in products and convolutions."""
    places = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [place.allow_tf32 for place in places]
    try:
        for place in places:
            place.allow_tf32 = False
        yield
    finally:
        for place, allowed in zip(places, before, strict=True):
            place.allow_tf32 = allowed
