"""Two processes train one compressed network, which is sent to them whole."""

import pytest
import torch
import torch.multiprocessing as mp

import data_parallel
import tiny
from spareto import recipes
from spareto.compression import compress, compressed_weight


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    torch.manual_seed(0)
    inputs, targets = torch.randn(8, 12), torch.randn(8, 3)
    compressed = compress(tiny.plain(), recipes.joint(bits=4, sparsity=0.5))
    mp.spawn(data_parallel.worker, (tmp_path, compressed, inputs, targets), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    masks = [compressed_weight(compressed[index]).mask.clone() for index in (0, 2)]
    data_parallel.steps(compressed, inputs, targets)
    for name, value in compressed.state_dict().items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], value, rtol=1e-4, atol=1e-5)
    for index, mask in zip((0, 2), masks, strict=True):
        assert torch.equal(first[f"{index}.parametrizations.weight.0.mask"], mask)
