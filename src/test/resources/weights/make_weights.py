"""Writes the weight files beside it. Only needed to make them anew; the tests read what it wrote.

Written with PyTorch 1.13. Element j of the i-th tensor is ((7 j + 13 i) mod 101 - 50) / 64, which
float16 and bfloat16 hold exactly; the tests compute the same.
"""
from collections import OrderedDict

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
