"""Writes what torchvision's nms and roi_align give for a few inputs, beside this file.

Made with torch 1.13.0 and torchvision 0.14.1 on the CPU: python3 make.py
"""
import json
import os

import numpy as np
import torch
from torchvision.ops import nms, roi_align

os.chdir(os.path.dirname(os.path.abspath(__file__)))
nan, inf = float("nan"), float("inf")
torch.manual_seed(4)

# Boxes in clusters, so that many overlap; equal scores, NaN, infinities, boxes that are empty or inside out.
corners = torch.rand(60, 2).mul(40).round().div(2)
boxes = torch.cat([corners, corners + torch.rand(60, 2) * 14 + 1], 1)
boxes[7] = boxes[3]
boxes[11] = torch.tensor([5.0, 5, 5, 5])
boxes[12] = torch.tensor([9.0, 9, 3, 3])
boxes[13, 0] = nan
boxes[14] = torch.tensor([-inf, 0, 5, 5])
boxes[15] = torch.tensor([0.0, 0, inf, inf])
scores = torch.rand(60).mul(12).round().div(12)
scores[20] = nan
scores[21] = nan
scores[22] = inf
scores[23] = -inf
np.save("boxes.npy", boxes.numpy())
np.save("scores.npy", scores.numpy())
cases = []
for dtype in ("float32", "float64"):
    for threshold in (-0.1, 0.0, 0.3, 0.5, 0.75, 1.0, nan):
        kept = nms(boxes.to(getattr(torch, dtype)), scores.to(getattr(torch, dtype)), threshold)
        cases.append({"operator": "nms", "dtype": dtype, "threshold": str(threshold), "kept": kept.tolist()})

# Regions within, across and far outside of the images, empty ones, and some that are not finite.
images = torch.randn(2, 3, 9, 11)
regions = torch.tensor(
    [
        [0, 1.5, 2.25, 14.5, 12],
        [1, 0, 0, 22, 18],
        [0, -9, -7, 6, 5],
        [1, 15, 12, 40, 30],
        [0, 100, 100, 120, 120],
        [1, 8, 8, 8, 8],
        [0, 12, 12, 4, 4],
        [1, 3.2, 4.7, 4.1, 5.3],
        [0, -2, -2, 0, 0],
        [1, 21.5, 17.5, 22, 18],
        [0, 2, 2, 500, 3],
        [1, nan, 2, 8, 9],
        [0, 2, 2, inf, 9],
    ]
)
np.save("images.npy", images.numpy())
np.save("regions.npy", regions.numpy())
for dtype in ("float32", "float64", "float16"):
    for aligned in (False, True):
        for sampling in (-1, 0, 1, 3):
            # A sample with a NaN coordinate is read from anywhere there.
            finite = list(range(11 if sampling > 0 else 13))
            pooled = roi_align(
                images.to(getattr(torch, dtype)),
                regions[finite].to(getattr(torch, dtype)),
                (3, 2) if sampling != 3 else (2, 5),
                0.5,
                sampling,
                aligned,
            )
            name = f"pooled-{dtype}-{sampling}-{'aligned' if aligned else 'plain'}.npy"
            np.save(name, pooled.numpy().astype(np.float32))
            cases.append(
                {
                    "operator": "roi_align",
                    "dtype": dtype,
                    "aligned": aligned,
                    "sampling": sampling,
                    "height": pooled.shape[2],
                    "width": pooled.shape[3],
                    "regions": len(finite),
                    "pooled": name,
                }
            )
with open("cases.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
