"""Writes src/test/resources/gradcam: what jacobgil/pytorch-grad-cam's code computes.

Only needed to make it anew; the tests read what it wrote. Written with PyTorch 1.13, torchvision 0.14,
OpenCV 4.6, pytorch-grad-cam of June 2026 (commit 084273b) and qubvel/ttach, both unmodified, by:
PYTHONPATH=pytorch-grad-cam:ttach python3 src/test/python/gradient_goldens.py

Networks and inputs are those of the other goldens. TorchScript takes no hooks of Python, so the
networks are put together anew from their children, and compared with what they were made of.
"""
import json
import os
import sys
import types

import numpy as np
import torch
from torchvision.models import SwinTransformer, VisionTransformer

# The package's own __init__ imports all methods, with libraries that these do not need.
PACKAGE = os.path.join(
    next(p for p in sys.path if os.path.isdir(os.path.join(p, "pytorch_grad_cam"))), "pytorch_grad_cam")
package = types.ModuleType("pytorch_grad_cam")
package.__path__ = [PACKAGE]
sys.modules["pytorch_grad_cam"] = package

from pytorch_grad_cam.grad_cam import GradCAM
from pytorch_grad_cam.grad_cam_plusplus import GradCAMPlusPlus
from pytorch_grad_cam.layer_cam import LayerCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from pytorch_grad_cam.utils.reshape_transforms import vit_reshape_transform

RESOURCES = os.path.join(os.path.dirname(__file__), "..", "resources")
METHODS = {"grad": GradCAM, "grad_plus_plus": GradCAMPlusPlus, "layer": LayerCAM}


class Call(torch.nn.Module):
    """A part of a TorchScript network, as a module that takes hooks."""

    def __init__(self, script):
        super().__init__()
        self.script = script

    def forward(self, x):
        return self.script(x)


class Chain(torch.nn.Module):
    """The named children of a TorchScript network, and functions, one after the other."""

    def __init__(self, script, *steps):
        super().__init__()
        self.steps = steps
        for step in steps:
            if isinstance(step, str):
                self.add_module(step, Call(getattr(script, step)))

    def forward(self, x):
        for step in self.steps:
            x = getattr(self, step)(x) if isinstance(step, str) else step(x)
        return x


def filled(network, script):
    network.load_state_dict(script.state_dict())
    return network


def tinyresnet(script):
    return Chain(script, "conv1", "bn1", "relu", "layer1", "layer2", "layer3", "avgpool",
                 lambda x: x.flatten(1), "fc")


def inplace(script):
    return Chain(script, "a", "act", "b", "norm", lambda x: torch.nn.functional.relu(x, True),
                 lambda x: x.mean([2, 3]), "fc")


def tinyvit(script):
    return filled(VisionTransformer(32, 8, 3, 2, 16, 32, num_classes=6), script)


def tinyswin(script):
    return filled(SwinTransformer([4, 4], 8, [2, 2], [2, 4], [4, 4], num_classes=6), script)


def tinytokens(script):
    return Chain(script, "patches", lambda x: x.flatten(2).transpose(1, 2), "block1", "block2",
                 lambda x: x.amax(1), "head")


def channels_last(tensor):
    return tensor.permute(0, 3, 1, 2)


def vit(tensor):
    return vit_reshape_transform(tensor, height=4, width=4)


def tokens(tensor):
    """The published one drops the first token."""
    return vit_reshape_transform(torch.cat([tensor[:, :1], tensor], 1), height=4, width=6)


# Model, input, network, layers, class, layout, reshape_transform.
CASES = [
    ("goldens/tinyresnet_script.pt", "goldens/tinyresnet.input.npy", tinyresnet, ["layer2"], 3, None, None),
    ("goldens/tinyresnet_script.pt", "goldens/tinyresnet.input.npy", tinyresnet, ["layer3"], 3, None, None),
    ("goldens/tinyresnet_script.pt", "goldens/tinyresnet.input.npy", tinyresnet, ["layer3"], 8, None, None),
    ("goldens/tinyresnet_script.pt", "goldens/tinyresnet.input.npy", tinyresnet, ["layer2", "layer3"], 3,
     None, None),
    ("goldens/inplace/script.pt", "goldens/inplace/input.npy", inplace, ["act"], 2, None, None),
    ("layouts/tinyswin_script.pt", "layouts/tinyswin.input.npy", tinyswin, ["features.3.1.norm1"], 2,
     "channels-last", channels_last),
    ("layouts/tinyvit_script.pt", "layouts/tinyvit.input.npy", tinyvit,
     ["encoder.layers.encoder_layer_2.ln_1"], 1, "tokens:1", vit),
    ("layouts/tinytokens_script.pt", "layouts/tinytokens.input.npy", tinytokens, ["block1"], 3,
     "tokens:0:4x6", tokens),
]


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    folder = os.path.join(RESOURCES, "gradcam")
    os.makedirs(folder, exist_ok=True)
    written = []
    for file, input_file, make, layers, index, layout, reshape in CASES:
        script = torch.jit.load(os.path.join(RESOURCES, file)).eval()
        network = make(script).eval()
        image = torch.from_numpy(np.load(os.path.join(RESOURCES, input_file))).float()
        torch.testing.assert_close(network(image.clone()), script(image.clone()))
        modules = [network.get_submodule(layer) for layer in layers]
        for method, maker in METHODS.items():
            for smooth in (False, True):
                with maker(network, modules, reshape) as cam:
                    golden = cam(image, [ClassifierOutputTarget(index)], aug_smooth=smooth)[0]
                name = "%s-%s-c%d-%s%s.map.npy" % (
                    make.__name__, "+".join(layers).replace(".", "_"), index, method,
                    "-smooth" if smooth else "")
                np.save(os.path.join(folder, name), golden)
                written.append({
                    "model": file, "input": input_file, "layers": layers, "class": index,
                    "method": method, "smooth": smooth, "map": name}
                    | ({"layout": layout} if layout else {}))
                print(name, golden.shape, golden.max(), golden.mean())
    with open(os.path.join(folder, "cases.json"), "w") as out:
        json.dump(written, out, indent=1)
