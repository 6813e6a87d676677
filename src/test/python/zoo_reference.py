"""Writes src/test/resources/zoo/zoo.pth: what torchvision's networks compute.

Only needed to make it anew; the tests read what it wrote. Written with PyTorch 1.13 and torchvision
0.14, by: python3 src/test/python/zoo_reference.py

Element i of the tensor of a name is u = hash(crc32(name), i) in [0, 1), scaled so that activations
stay near 1: see `filled`. The tests compute the same.

For each network there are in the file
  NAME.output       its output [2, 10] for the input
  NAME.activation   what the layer HOOKED put out, about 500 of its values at even distances
  NAME.names        how many parameters and buffers it has, and the crc32 of their names and shapes
"""
import os
import sys
import zlib

import numpy as np
import torch
import torchvision.models as models

CLASSES = 10
INPUT = (2, 3, 64, 64)
SAMPLES = 500

# The network's name, and a layer well within it.
HOOKED = {
    "alexnet": "features.8",
    "vgg11": "features.11",
    "vgg11_bn": "features.15",
    "vgg13": "features.15",
    "vgg13_bn": "features.21",
    "vgg16": "features.17",
    "vgg16_bn": "features.24",
    "vgg19": "features.19",
    "vgg19_bn": "features.27",
    "resnet18": "layer3.0.downsample.1",
    "resnet34": "layer2.3",
    "resnet50": "layer3.2.conv2",
    "resnet101": "layer3.20",
    "resnet152": "layer2.7.bn3",
    "resnext50_32x4d": "layer3.0.conv2",
    "wide_resnet50_2": "layer2.1",
    "mobilenet_v2": "features.8.conv.1",
    "densenet121": "features.denseblock3.denselayer7",
    "squeezenet1_1": "features.6.expand3x3",
}


def hashed(name, count):
    """Element i is a mix of crc32(name) + i * golden ratio, modulo 2^32, in [0, 1)."""
    x = np.arange(count, dtype=np.uint32)
    x *= np.uint32(0x9E3779B1)
    x += np.uint32(zlib.crc32(name.encode()))
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    x >>= np.uint32(8)
    return x.astype(np.float32) * np.float32(2.0**-24)


def filled(name, like):
    """From low to high, by what the tensor is for; weights as He et al. scale them."""
    if like.dim() > 1:
        high = np.float32((6 / like[0].numel()) ** 0.5)
        low = -high
    elif name.endswith("running_var"):
        low, high = 0.75, 1.25
    elif name.endswith("weight"):
        low, high = 0.6, 1.1
    else:
        low, high = -0.05, 0.05
    low, high = np.float32(low), np.float32(high)
    values = hashed(name, like.numel()) * (high - low) + low
    return torch.from_numpy(values).reshape(like.shape)


def images():
    """The second has twice the contrast of the first."""
    contrast = torch.tensor([20.0, 40.0]).reshape(2, 1, 1, 1)
    return filled("input.bias", torch.empty(np.prod(INPUT))).reshape(INPUT) * contrast


def reference(name, layer):
    network = getattr(models, name)(weights=None, num_classes=CLASSES).eval()
    state = network.state_dict()
    for key, tensor in state.items():
        if tensor.is_floating_point():
            tensor.copy_(filled(key, tensor))
    seen = []
    network.get_submodule(layer).register_forward_hook(
        lambda module, inputs, output: seen.append(output.clone()))
    with torch.no_grad():
        output = network(images())
    flat = seen[0].flatten()
    listing = "".join(sorted(f"{key} {list(tensor.shape)}\n" for key, tensor in state.items()))
    print(f"{name}: output {output.min():.3f} to {output.max():.3f}, images differ by "
          f"{(output[0] - output[1]).abs().mean():.3f}; {layer} {tuple(seen[0].shape)}, "
          f"deviation {flat.std():.3f}", file=sys.stderr)
    return {
        f"{name}.output": output,
        f"{name}.activation": flat[:: max(1, flat.numel() // SAMPLES)].clone(),
        f"{name}.names": torch.tensor([len(state), zlib.crc32(listing.encode())]),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    references = {}
    for name, layer in HOOKED.items():
        references.update(reference(name, layer))
    folder = os.path.join(os.path.dirname(__file__), "..", "resources", "zoo")
    os.makedirs(folder, exist_ok=True)
    torch.save(references, os.path.join(folder, "zoo.pth"))
