"""Networks as the frameworks hand them out: converted ones, cells in a sequence."""

import pytest
import torch
from torch import nn

import spareto

ON = ["eyeriss_like", "loihi_like"]


@pytest.fixture
def events():
    return (torch.rand(6, 4, 1, 12, 12, generator=torch.Generator().manual_seed(0)) < 0.3).float()


@pytest.fixture
def labels():
    return torch.arange(4)


def converted():
    from_torch = pytest.importorskip("sinabs.from_torch")
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(100, 5), nn.ReLU()
    )
    return from_torch.from_model(plain, input_shape=(1, 12, 12), batch_size=4)


def test_a_converted_network_costs_what_its_spiking_model_does(events, labels):
    network = converted()
    whole = spareto.energy(network, events, labels, on=ON, vote="sum", show=False)
    alone = spareto.energy(network.spiking_model, events, labels, on=ON, vote="sum", show=False)
    assert whole.microjoules == alone.microjoules
    assert [layer.name for layer in whole.workload.layers] == ["spiking_model.0", "spiking_model.4"]
    assert not [free for free in whole.workload.free if free.name.startswith("analog_model")]


def test_a_layer_that_nobody_calls_is_still_refused(events, labels):
    network = converted()
    network.another = nn.Linear(3, 3)
    with pytest.raises(spareto.SparetoError, match="layer 'another': got no call"):
        spareto.energy(network, events, labels, vote="sum", show=False)


@pytest.mark.parametrize("output", [None, 0])
@pytest.mark.parametrize("cells", [True, False])
def test_norse_sequences_take_the_first_item_as_their_answer(cells, output, events, labels):
    norse = pytest.importorskip("norse.torch")
    torch.manual_seed(0)
    flat = events.flatten(2)
    neurons = (norse.LIFCell(), norse.LICell()) if cells else (norse.LIF(), norse.LI())
    network = norse.SequentialState(nn.Linear(144, 20), neurons[0], nn.Linear(20, 5), neurons[1])
    found = spareto.energy(network, flat, labels, on=ON, output=output, vote="max", show=False)
    taken = "(batch, ...) a timestep" if cells else "(time, batch, ...)"
    assert found.workload.notes[0] == f"A call of the network takes {taken}."
    with torch.no_grad():
        answers, state = [], None
        for frame in flat if cells else [flat]:
            answer, state = network(frame, state)
            answers.append(answer)
    right = (torch.cat(answers).reshape(6, 4, 5).amax(0).argmax(1) == labels).double().mean()
    assert found.profile.accuracy == float(right)
