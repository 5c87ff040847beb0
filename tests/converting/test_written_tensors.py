"""What users write into tensors, and what they return: each is the original's, or refused with its reason."""

import pytest
import torch
from torch import nn

from conventions import peer
from spareto.converting import convert
from spareto.core.errors import ConfigError

T, B = 7, 9


class Written(nn.Module):
    """Three layers in a loop: `each` is done at every timestep with spikes `y`, `end` makes the output."""

    def __init__(self, each, end):
        super().__init__()
        snn = peer("snntorch")
        self.fc1, self.lif1 = nn.Linear(16, 12), snn.Leaky(beta=0.9)
        self.fc2, self.lif2 = nn.Linear(12, 4), snn.Leaky(beta=0.9)
        self.aside, self.lif3 = nn.Linear(12, 3), snn.Leaky(beta=0.9)
        self.each, self.end = each, end

    def forward(self, x):
        mem1, mem2, mem3 = self.lif1.init_leaky(), self.lif2.init_leaky(), self.lif3.init_leaky()
        now = {"o": torch.zeros(len(x), x.shape[1], 4), "sum": torch.zeros(x.shape[1], 4), "list": []}
        for t, frame in enumerate(x):
            spikes, mem1 = self.lif1(self.fc1(frame), mem1)
            y, mem2 = self.lif2(self.fc2(spikes), mem2)
            _, mem3 = self.lif3(self.aside(spikes), mem3)
            now["list"].append(y)
            self.each(now, t, y)
        return self.end(now)


def put(place):
    """Statements as a function of what stands in the loop."""

    def each(now, t, y):
        exec(place, {"torch": torch}, {**now, "now": now, "t": t, "y": y})

    return each


def made(place, end):
    torch.manual_seed(1)
    network = Written(put(place), lambda now: eval(end, {"torch": torch}, now))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 2
    return network.eval()


def frames(seed):
    return (torch.rand(T, B, 16, generator=torch.Generator().manual_seed(seed)) < 0.4).float() * 2


EQUAL = {
    "a sum in place": ("sum.add_(y)", "sum"),
    "a sum in place beside all timesteps": ("sum += y", "(sum / 7, torch.stack(list))"),
    "a sum that starts at one": ("now['sum'] = (sum + 1 if t == 0 else sum) + y", "sum"),
    "timesteps that are added": ("o[t] += y", "o"),
    "timesteps that are scaled": ("o[t] = y; o[t] *= 2", "o"),
    "timesteps written twice": ("o[t] = y; o[t] = y * 2", "o"),
    "timesteps changed by a number": ("o[t] += y; o[t] += 1", "(torch.stack(list), o)"),
    "sums written into a buffer": ("o[t] = y + (o[t - 1] if t else 0)", "o"),
    "a buffer that is scaled as a whole": ("o[t] = y", "o.mul_(3)"),
    "spikes of other types": ("list[-1] = y.bool().long().double().float()", "torch.stack(list)"),
    "an output of another type": ("", "(torch.stack(list).bool(), torch.stack(list).long())"),
    "time and samples merged": ("", "torch.stack(list).flatten(0, 1)"),
}


@pytest.mark.parametrize("name", EQUAL)
def test_it_is_equal_on_other_inputs(name):
    model = made(*EQUAL[name])
    network = convert(model, frames(1))
    with torch.no_grad():
        ours, theirs = network(frames(2)), model(frames(2))
    pairs = zip(ours, theirs, strict=True) if isinstance(theirs, tuple) else [(ours, theirs)]
    for got, expected in pairs:
        assert expected.any()
        assert torch.allclose(got.reshape(expected.shape), expected.float(), atol=1e-6)


PART = "a tensor of which a part was written"
OTHER = "a buffer that holds something else"
REFUSED = {
    "features one by one": ("o[t, :, :2] = y[:, :2]; o[t, :, 2:] = y[:, 2:]", "o", PART),
    "some features beside all": ("o[t, :, :2] = y[:, :2]", "(torch.stack(list), o)", PART),
    "a part of spikes": ("y[:, :2].mul_(0)", "torch.stack(list)", PART),
    "some timesteps": ("o[t] = y if t < 4 else o[t]", "o", OTHER),
    "a later timestep": ("o[(t + 1) % 7] = y", "(torch.stack(list), o)", OTHER),
    "timesteps backwards": ("o[6 - t] = y", "o", OTHER),
    "a constant timestep": ("o[t] = y if t != 2 else torch.zeros_like(y)", "o", OTHER),
    "a buffer read too early": ("o[t] = y; list[-1] = o.sum(0)", "torch.stack(list)", OTHER),
    "a result that is written elsewhere": ("torch.add(y, 1, out=o[t])", "(o, torch.stack(list))", "out="),
    "a constant of each sample": (
        "now['sum'] = y + torch.arange(len(y)).view(-1, 1)",
        "sum",
        "sample to sample",
    ),
    "numbers that a type rounds": (
        "list[-1] = (y / 3).half().float()",
        "torch.stack(list)",
        "float16 rounds",
    ),
    "numbers that become integers": ("list[-1] = (y / 3).int().float()", "torch.stack(list)", "int32 rounds"),
    "one timestep with an axis": ("", "list[-1].unsqueeze(0)", "an axis of its own"),
    "nothing": ("", "None", "an output that no neurons reach"),
    "a number": ("", "3.5", "an output that no neurons reach"),
    "a tensor without history": ("o.data[t] = y.data", "o", "an output that no neurons reach"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_its_reason(name):
    *how, reason = REFUSED[name]
    with pytest.raises(ConfigError, match=reason) as caught:
        convert(made(*how), frames(1))
    assert not any("timestep 0 as the output" in problem.got for problem in caught.value.problems)


def test_neurons_that_reach_no_output_are_left_out_and_named():
    network = convert(made("", "torch.stack(list)"), frames(1))
    assert "'lif3' reaches no output and is left out." in network.notes
    assert set(network.neurons) == {"lif1", "lif2"}
    assert not [name for name in network.parts if "aside" in name or "lif3" in name]


def test_a_constant_in_the_output_is_named():
    network = convert(made("", "{'spikes': list, 'kept': (sum, 5)}"), frames(1))
    assert "Constants are not computed: output['kept'][0] of the original is None here." in network.notes
    assert network(frames(2))["kept"] == (None, None)
