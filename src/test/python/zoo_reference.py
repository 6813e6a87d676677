"""Writes src/test/resources/zoo/zoo.pth: what torchvision's networks compute.

Only needed to make it anew; the tests read what it wrote. Written with PyTorch 1.13 and torchvision
0.14, by: python3 src/test/python/zoo_reference.py

Element i of the tensor of a name is u = hash(crc32(name), i) in [0, 1), scaled so that activations
stay near 1: see `filled`. The tests compute the same.

For each network there are in the file
  NAME.output       its output [2, 10] for the input [2, 3, SIDE, SIDE], or videos [2, 3, FRAMES, SIDE, SIDE]
  NAME.activation   what the layer HOOKED put out, about 500 of its values at even distances
  NAME.names        how many parameters and buffers it has, the crc32 of their names and shapes, how
                    many modules it has, and the crc32 of their names
"""
import os
import sys
import zlib

import numpy as np
import torch
import torchvision.models as models

CLASSES = 10
SIDE = 64
SAMPLES = 500

# The network's name, and a layer well within it; None for more than 100 million parameters in a
# family with smaller networks, of which names and shapes are enough.
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
    "squeezenet1_0": "features.9.expand1x1",
    "googlenet": "inception4d.branch3.1",
    "inception_v3": "Mixed_6c.branch7x7dbl_4",
    "resnext101_32x8d": "layer3.11.conv2",
    "resnext101_64x4d": "layer2.3",
    "wide_resnet101_2": None,
    "densenet161": "features.transition2.pool",
    "densenet169": "features.denseblock4.denselayer20",
    "densenet201": "features.denseblock3.denselayer40.conv2",
    "mobilenet_v3_small": "features.8.block.1.2",
    "mobilenet_v3_large": "features.13.block.2",
    "mnasnet0_5": "layers.10.1.layers.4",
    "mnasnet0_75": "layers.12.2",
    "mnasnet1_0": "layers.11.1.layers.7",
    "mnasnet1_3": "layers.9.2",
    "shufflenet_v2_x0_5": "stage3.0.branch1",
    "shufflenet_v2_x1_0": "stage3.4",
    "shufflenet_v2_x1_5": "stage4.1.branch2.6",
    "shufflenet_v2_x2_0": "stage2.3.branch2",
    "efficientnet_b0": "features.4.1.block.2",
    "efficientnet_b1": "features.5.3.stochastic_depth",
    "efficientnet_b2": "features.6.2.block.1.0",
    "efficientnet_b3": "features.7.1",
    "efficientnet_b4": "features.3.0.block.3",
    "efficientnet_b5": "features.4.2.block.1",
    "efficientnet_b6": "features.5.1.block.0.1",
    "efficientnet_b7": "features.6.3",
    "efficientnet_v2_s": "features.3.1.block.0",
    "efficientnet_v2_m": "features.5.6.block.2",
    "efficientnet_v2_l": None,
    "regnet_x_400mf": "trunk_output.block3.block3-2.f.b.0",
    "regnet_x_800mf": "trunk_output.block2",
    "regnet_x_1_6gf": "trunk_output.block3.block3-7.f.a",
    "regnet_x_3_2gf": "trunk_output.block3.block3-0.proj",
    "regnet_x_8gf": "trunk_output.block1.block1-0.f.b",
    "regnet_x_16gf": "trunk_output.block4.block4-0.f.c",
    "regnet_x_32gf": None,
    "regnet_y_400mf": "trunk_output.block3.block3-4.f.se",
    "regnet_y_800mf": "trunk_output.block3.block3-0.f.se",
    "regnet_y_1_6gf": "trunk_output.block3.block3-11.f.b",
    "regnet_y_3_2gf": "trunk_output.block2.block2-4",
    "regnet_y_8gf": "trunk_output.block1.block1-1.f.se",
    "regnet_y_16gf": "trunk_output.block3",
    "regnet_y_32gf": None,
    "regnet_y_128gf": None,
    "convnext_tiny": "features.5.4.block.5",
    "convnext_small": "features.4.0",
    "convnext_base": "features.3.1",
    "convnext_large": None,
    "vit_b_16": "encoder.layers.encoder_layer_5.mlp",
    "vit_b_32": "encoder.layers.encoder_layer_11.ln_1",
    "vit_l_16": "encoder.layers.encoder_layer_20",
    "vit_l_32": "encoder.layers.encoder_layer_3.ln_2",
    "vit_h_14": None,
    "swin_t": "features.5.3.attn",
    "swin_s": "features.4",
    "swin_b": "features.7.1.norm1",
    "swin_v2_t": "features.3.1.attn",
    "swin_v2_s": "features.5.17.norm2",
    "swin_v2_b": "norm",
    "r3d_18": "layer3.0.downsample",
    "mc3_18": "layer2.1.conv2",
    "r2plus1d_18": "layer3.1.conv1.0.1",
}

# The sides of the input where 64 are too few.
SIDES = {"inception_v3": 96, "swin_t": 72, "swin_v2_t": 72, "r3d_18": 40, "mc3_18": 40, "r2plus1d_18": 40}

# Those for videos, of so many frames.
VIDEO = ["r3d_18", "mc3_18", "r2plus1d_18"]
FRAMES = 8

# The factor of the norms' weights, where activations and gates would let the signal fade, or blocks
# would amplify it until float32's rounding showed.
GAINS = {
    "inception_v3": 1.2,
    "mobilenet_v3_small": 1.25,
    "mobilenet_v3_large": 1.15,
    "efficientnet_b0": 1.25,
    "efficientnet_b1": 1.25,
    "efficientnet_b2": 1.25,
    "efficientnet_b3": 1.25,
    "efficientnet_b4": 1.2,
    "efficientnet_b5": 1.17,
    "efficientnet_b6": 1.125,
    "efficientnet_b7": 1.12,
    "efficientnet_v2_m": 0.9,
}

# What the constructors are given. Published weights come without a choice of transform_input; the
# auxiliary classifiers, which are not called in evaluation, are left out.
INCEPTION = {"transform_input": True, "aux_logits": False, "init_weights": False}
# ViT takes inputs of one size.
ARGUMENTS = {"googlenet": INCEPTION, "inception_v3": INCEPTION} | {
    name: {"image_size": SIDE} for name in HOOKED if name.startswith("vit_") and HOOKED[name]}


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


def filled(name, like, gain=1.0):
    """From low to high, by what the tensor is for; weights as He et al. scale them."""
    if like.dim() > 1:
        high = np.float32((6 / like[0].numel()) ** 0.5)
        low = -high
    elif name.endswith("running_var"):
        low, high = 0.75, 1.25
    elif name.endswith("weight"):
        low, high = 0.6 * gain, 1.1 * gain
    else:
        low, high = -0.05, 0.05
    low, high = np.float32(low), np.float32(high)
    values = hashed(name, like.numel()) * (high - low) + low
    return torch.from_numpy(values).reshape(like.shape)


def images(*extents):
    """The second has twice the contrast of the first."""
    shape = (2, 3, *extents)
    contrast = torch.tensor([20.0, 40.0]).reshape(2, *[1] * (len(shape) - 1))
    return filled("input.bias", torch.empty(np.prod(shape))).reshape(shape) * contrast


def count_and_crc(lines):
    return [len(lines), zlib.crc32("".join(f"{line}\n" for line in sorted(lines)).encode())]


def reference(name, layer):
    video = name in VIDEO
    network = getattr(models.video if video else models, name)(
        weights=None, num_classes=CLASSES, **ARGUMENTS.get(name, {})).eval()
    state = network.state_dict()
    modules = [path for path, _ in network.named_modules() if path]
    tensors = [f"{key} {list(tensor.shape)}" for key, tensor in state.items()]
    references = {f"{name}.names": torch.tensor(count_and_crc(tensors) + count_and_crc(modules))}
    if layer is None:
        return references
    for key, tensor in state.items():
        # The distances in Swin V2's windows are no weights.
        if tensor.is_floating_point() and not key.endswith("relative_coords_table"):
            tensor.copy_(filled(key, tensor, GAINS.get(name, 1.0)))
    seen = []
    network.get_submodule(layer).register_forward_hook(
        lambda module, inputs, output: seen.append(output.clone()))
    with torch.no_grad():
        side = SIDES.get(name, SIDE)
        output = network(images(FRAMES, side, side) if video else images(side, side))
    flat = seen[0].flatten()
    print(f"{name}: output {output.min():.3f} to {output.max():.3f}, images differ by "
          f"{(output[0] - output[1]).abs().mean():.3f}; {layer} {tuple(seen[0].shape)}, "
          f"deviation {flat.std():.3f}", file=sys.stderr)
    return references | {
        f"{name}.output": output,
        f"{name}.activation": flat[:: max(1, flat.numel() // SAMPLES)].clone(),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    references = {}
    for name, layer in HOOKED.items():
        references.update(reference(name, layer))
    folder = os.path.join(os.path.dirname(__file__), "..", "resources", "zoo")
    os.makedirs(folder, exist_ok=True)
    torch.save(references, os.path.join(folder, "zoo.pth"))
