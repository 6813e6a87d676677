"""Writes the weight files beside it. Only needed to make them anew; the tests read what it wrote.

Written with PyTorch 1.13. Element j of the i-th tensor is ((7 j + 13 i) mod 101 - 50) / 64, which
float16 and bfloat16 hold exactly; the tests compute the same.
"""
import argparse
import collections
import datetime
import pathlib
from collections import OrderedDict

import numpy
import torch


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.bn = torch.nn.BatchNorm2d(4)
        self.head = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(4, 2))

    def forward(self, x):
        return self.head(self.bn(self.conv(x)).mean([2, 3]))


def values(index, like):
    j = torch.arange(like.numel(), dtype=torch.int64)
    return (((7 * j + 13 * index) % 101 - 50).to(torch.float32) / 64).reshape(like.shape)


network = Small().eval()
state = network.state_dict()
for i, tensor in enumerate(state.values()):
    tensor.copy_(values(i, tensor) if tensor.is_floating_point() else torch.tensor(i))


def to(dtype):
    return OrderedDict(
        (k, v.to(dtype) if v.is_floating_point() else v) for k, v in state.items())


torch.save(state, "state_dict.pth")
torch.save(state, "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(state, "protocol4.pth", pickle_protocol=4)
torch.save(to(torch.float16), "float16.pth")
torch.save(to(torch.bfloat16), "bfloat16.pth")
torch.save(to(torch.float64), "float64.pth")
torch.save(dict(network.named_parameters()), "parameters.pth")

optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
network(torch.ones(1, 3, 5, 5)).sum().backward()
checkpoint = {"epoch": 3, "loss": 0.5, "state_dict": state, "optimizer": optimizer.state_dict()}
torch.save(checkpoint, "checkpoint.pth")

torch.jit.save(torch.jit.script(network), "script.pt")

base = torch.arange(24, dtype=torch.float32)
torch.save({
    "base": base,
    "tail": base[20:],
    "transposed": base.reshape(4, 6).t(),
    "column": base.reshape(4, 6)[:, 2],
    "expanded": base[5:6].expand(3, 4),
    "scalar": base[7],
    "empty": torch.empty(0, 3),
    "bool": torch.tensor([True, False]),
    "int64": torch.tensor([-(2 ** 40)]),
    "uint8": torch.tensor([255], dtype=torch.uint8),
}, "strided.pth")

# What trainers save beside the weights: objects of classes that no reader may look for.
moved = OrderedDict((k, v + 1) for k, v in state.items())
optimizer.step()
network.load_state_dict(OrderedDict((k, v - 1) for k, v in moved.items()))
beside = {
    "args": argparse.Namespace(lr=0.1, device=torch.device("cpu"), dtype=torch.float16),
    "best": numpy.float64(0.5),
    "curve": numpy.arange(3.0),
    "when": datetime.datetime(2024, 2, 29),
    "path": pathlib.PurePosixPath("runs"),
    "colours": {frozenset({1}), frozenset({2})},
    "sizes": {(1, 2): collections.Counter("ab")},
    "optimizer": optimizer.state_dict(),
    "metrics": {"loss": torch.tensor(0.25)},
}
prefixed = OrderedDict(("module._orig_mod." + k, v) for k, v in network.state_dict().items())
torch.save({"net": prefixed, **beside}, "trained.pth")
torch.save({"net": prefixed, **beside}, "trained_legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"model": network.state_dict(), "ema": {"module": moved}, "epoch": 3}, "averaged.pth")

network.register_buffer("unsaved", torch.ones(2), persistent=False)
network.zero_grad(set_to_none=True)
torch.save(network, "module.pth")
