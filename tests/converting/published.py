"""Networks of published size of each framework, with weights under which every sum is exact."""

from __future__ import annotations

import sys
import types

import torch
import torch.nn.functional as F
from torch import nn

from conventions import peer
from converting import neurons


def jelly(name):
    return peer(f"spikingjelly.activation_based.{name}")


class Csnn(nn.Module):
    """The convolutional network of snnTorch's tutorial 6: 12C5, 64C5, ten classes."""

    def __init__(self):
        super().__init__()
        snn, fast = peer("snntorch"), peer("snntorch.surrogate").fast_sigmoid(slope=25)
        leaky = lambda: snn.Leaky(beta=0.5, spike_grad=fast)  # noqa: E731
        self.conv1, self.lif1, self.conv2, self.lif2 = (
            nn.Conv2d(1, 12, 5),
            leaky(),
            nn.Conv2d(12, 64, 5),
            leaky(),
        )
        self.fc1, self.lif3 = nn.Linear(64 * 4 * 4, 10), leaky()

    def forward(self, x):
        mem1, mem2, mem3 = self.lif1.init_leaky(), self.lif2.init_leaky(), self.lif3.init_leaky()
        record = []
        for _ in range(10):
            spk1, mem1 = self.lif1(F.max_pool2d(self.conv1(x), 2), mem1)
            spk2, mem2 = self.lif2(F.max_pool2d(self.conv2(spk1), 2), mem2)
            spk3, mem3 = self.lif3(self.fc1(spk2.view(x.shape[0], -1)), mem3)
            record.append(spk3)
        return torch.stack(record)


def jelly_nmnist():
    """SpikingJelly's network for N-MNIST: two convolutions of 128 channels."""
    model, surrogate = (
        peer("spikingjelly.activation_based.model.parametric_lif_net"),
        jelly("surrogate").ATan(),
    )
    fire = jelly("neuron").ParametricLIFNode
    net = model.NMNISTNet(128, spiking_neuron=fire, surrogate_function=surrogate)
    jelly("functional").set_step_mode(net, "m")
    return net


def jelly_gestures():
    """SpikingJelly's network for DVS128 Gesture: five convolutions of 128 channels, 128 x 128 pixels."""
    model = peer("spikingjelly.activation_based.model.parametric_lif_net")
    options = {"spiking_neuron": jelly("neuron").LIFNode, "surrogate_function": jelly("surrogate").ATan()}
    net = model.DVSGestureNet(128, **options)
    jelly("functional").set_step_mode(net, "m")
    return net


def sew_resnet():
    """SEW ResNet-18; its file imports torchvision for downloads alone, left out where that is broken."""
    name = "torchvision._internally_replaced_utils"
    try:
        __import__(name)
    except (ImportError, RuntimeError):
        for broken in [module for module in sys.modules if module.partition(".")[0] == "torchvision"]:
            del sys.modules[broken]
        parent, child = types.ModuleType("torchvision"), types.ModuleType(name)
        parent.__path__, child.load_state_dict_from_url = [], None
        sys.modules |= {"torchvision": parent, name: child}
    model = peer("spikingjelly.activation_based.model.sew_resnet")
    fire, surrogate = jelly("neuron").IFNode, jelly("surrogate").ATan()
    net = model.sew_resnet18(cnf="ADD", spiking_neuron=fire, surrogate_function=surrogate)
    jelly("functional").set_step_mode(net, "m")
    return net


def norse_conv():
    """Norse's network for MNIST: 20C5, 50C5, a dense layer of 500."""
    return peer("norse.torch.models.conv").ConvNet()


def sinabs_nmnist(samples):
    """The network of sinabs' tutorials for N-MNIST."""
    layers, activation = peer("sinabs.layers"), peer("sinabs.activation")
    fire = lambda: layers.IAFSqueeze(batch_size=samples, spike_fn=activation.SingleSpike)  # noqa: E731
    conv = lambda *sizes: nn.Conv2d(*sizes, bias=False)  # noqa: E731
    return nn.Sequential(
        *(conv(2, 8, 3), fire(), nn.AvgPool2d(2), conv(8, 16, 3), fire(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(784, 256, bias=False), fire(), nn.Linear(256, 10, bias=False), fire()),
    )


def exact(network, strength=4.0):
    """Sums of short binary fractions, and norms that scale by them: no order of additions matters."""
    torch.manual_seed(1)
    neurons.in_sixteenths(network, strength)
    for norm in network.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            norm.eps = 0.0
            with torch.no_grad():
                norm.weight.copy_(torch.randint(2, 5, norm.weight.shape) / 4)
                norm.bias.copy_(torch.randint(-1, 8, norm.bias.shape) / 8)
    return network.eval()
