"""Score-CAM as it is commonly written in Python, on the same network: its time, and its map's first values.

    plain.py NETWORK.pt INPUT.npy CHANNELS DEVICE RESULT.json

Activation maps are upsampled bilinearly and scaled to [0, 1], the input is multiplied by each, and the softmax of the class
weighs it; in batches of 32, under no_grad, with the defaults of torch. The network is a ResNet, explained at layer4.
"""

import json
import statistics
import sys
import time

import numpy
import torch

CLASS = 1
BATCH = 32
RUNS = 3


def activations(network, x):
    x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
    return network.layer4(network.layer3(network.layer2(network.layer1(x))))


def score_cam(network, x, channels):
    maps = activations(network, x)[0]
    order = maps.amax(dim=(1, 2)).argsort(descending=True)[:channels]
    maps = maps[order]
    upsampled = torch.nn.functional.interpolate(
        maps[None], size=x.shape[2:], mode="bilinear", align_corners=False
    )[0]
    low = upsampled.amin(dim=(1, 2), keepdim=True)
    high = upsampled.amax(dim=(1, 2), keepdim=True)
    masks = (upsampled - low) / (high - low + 1e-8)
    weights = []
    for first in range(0, len(masks), BATCH):
        masked = x * masks[first : first + BATCH, None]
        weights.append(torch.softmax(network(masked), dim=1)[:, CLASS])
    saliency = torch.relu((torch.cat(weights)[:, None, None] * upsampled).sum(dim=0))
    return saliency.cpu()


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
