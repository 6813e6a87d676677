"""Score-CAM as it is commonly written in Python, on the same network: its time, and its map's largest value.

    plain.py NETWORK.pt INPUT.npy CHANNELS DEVICE RESULT.json

All activation maps are upsampled at once, bicubically, and scaled to [0, 1]; all masked inputs are made at once, and
scored in batches of 128; the softmax of how much the class's score differs from the unmasked input's weighs the
upsampled maps. The network is not frozen, in float32, under no_grad, and all else is as torch has it by default: on CUDA,
cuDNN's convolutions round to TF32. The network is a ResNet, explained at layer4.
"""

import json
import statistics
import sys
import time

import numpy
import torch

CLASS = 1
BATCH = 128
RUNS = 3


def activations(network, x):
    x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
    return network.layer4(network.layer3(network.layer2(network.layer1(x))))


def score_cam(network, x, channels):
    maps = activations(network, x)[0]
    order = maps.amax(dim=(1, 2)).argsort(descending=True)[:channels]
    upsampled = torch.nn.functional.interpolate(
        maps[None, order], size=x.shape[2:], mode="bicubic", align_corners=False
    )[0]
    low = upsampled.amin(dim=(1, 2), keepdim=True)
    high = upsampled.amax(dim=(1, 2), keepdim=True)
    masked = x * ((upsampled - low) / (high - low + 1e-10))[:, None]
    scores = torch.cat([network(batch)[:, CLASS] for batch in masked.split(BATCH)])
    weights = torch.softmax(scores - network(x)[:, CLASS], dim=0)
    return torch.relu((weights[:, None, None] * upsampled).sum(dim=0)).cpu()


def main():
    file, array, channels, device, result = sys.argv[1:]
    network = torch.jit.load(file, map_location=device).eval()
    x = torch.from_numpy(numpy.load(array)).to(device)
    seconds = []
    with torch.no_grad():
        for run in range(RUNS + 1):
            start = time.perf_counter()
            saliency = score_cam(network, x, int(channels))
            if run > 0:
                seconds.append(time.perf_counter() - start)
    with open(result, "w") as out:
        json.dump({"torch": torch.__version__, "seconds": statistics.median(seconds), "runs": seconds}, out)
    print(f"torch {torch.__version__}: {statistics.median(seconds):.3f} s, largest value {saliency.max():.4g}")


main()
