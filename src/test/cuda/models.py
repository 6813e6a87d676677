"""Writes the networks that the acceptance run times, with random weights:   models.py FOLDER (needs torchvision)."""

import pathlib
import sys

import numpy
import torch
import torchvision

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(1)
for name in ["resnet18", "resnet50"]:
    network = getattr(torchvision.models, name)().eval()
    torch.jit.script(network).save(str(folder / (name + ".pt")))
numpy.save(folder / "input.npy", torch.rand(1, 3, 224, 224).numpy())
