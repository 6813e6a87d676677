"""Metrics of golden maps by the published code, unmodified: torch-cam, pytorch-grad-cam, ADCC.

python3 eval_reference.py GOLDENS TORCHCAM PYTORCHGRADCAM ADCC OUT: the golden networks and maps with their state dicts,
checkouts of the three projects, and a folder that exists.
"""
import json, sys, types, warnings
GOLDENS, TORCHCAM, PGC, ADCC_, OUT = sys.argv[1:]
sys.path[:0] = [TORCHCAM, ADCC_]
import importlib.metadata as installed
version = installed.version; installed.version = lambda n: '0.5.0.dev0' if n == 'torchcam' else version(n)  # not installed
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
torch.set_num_threads(1)
from functools import partial
from contextlib import contextmanager
from scipy.ndimage import gaussian_filter
import torchcam
from torchcam import metrics as TC
from torchcam.methods import ScoreCAM
# pytorch-grad-cam's metrics without its methods
sys.modules['cv2'] = types.ModuleType('cv2')
for n in ('pytorch_grad_cam', 'pytorch_grad_cam.metrics', 'pytorch_grad_cam.utils'):
    m = types.ModuleType(n); m.__path__ = [PGC + '/' + n.replace('.', '/')]; sys.modules[n] = m
b = types.ModuleType('pytorch_grad_cam.base_cam'); b.BaseCAM = object; sys.modules[b.__name__] = b
from pytorch_grad_cam.metrics import cam_mult_image as CM, road as R, arcc as A
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget as Out, ClassifierOutputSoftmaxTarget as Soft
from metrics import adcc as ADCC
G = GOLDENS + '/'
load = lambda n: torch.from_numpy(np.load(G + n))
class Fixed:
    def __init__(s, model, cam): s.model, s.cam = model, cam
    def __call__(s, class_idx=None, scores=None, normalized=True, **k): return [s.cam.clone()]
    @staticmethod
    def fuse_cams(c): return c[0]
    @contextmanager
    def _hooks_off(s): yield
def kern(n=11, sig=5):  # RISE's gkern
    i = np.zeros((n, n)); i[n // 2, n // 2] = 1
    return torch.from_numpy(gaussian_filter(i, sig).astype('float32'))
def blur(x):
    k = kern(); c = x.shape[1]; w = torch.zeros(c, c, 11, 11)
    for i in range(c): w[i, i] = k
    return F.conv2d(x, w, padding=5)
FILLS = {'black': None, 'mean': lambda x: x.mean((2, 3), keepdim=True), 'blur': blur}
r = lambda v: [round(float(a), 7) for a in np.asarray(v).ravel()]
softmax = partial(torch.softmax, dim=-1)
cases = []
for model, mapname, c in [('tinyresnet', 'layer3-c3-torchcam', 3), ('tinyresnet', 'layer3-c8-torchcam', 8), ('tinyresnet', 'layer2-c3-torchcam', 3),
        ('tinyresnet', 'layer3-c3-pgc', 3), ('tinyresnet', 'layer2-c8-pgc', 8), ('tinyvgg', 'features-c5-pgc', 5), ('tinyvgg', 'features-c0-torchcam', 0),
        ('tinygray', 'layer3-c2-pgc', 2), ('tinygray', 'layer3-c2-torchcam', 2)]:
    net = torch.jit.load(G + model + '_script.pt').eval(); x = load(model + '.input.npy'); cam = load(f'{model}-{mapname}.map.npy')
    cam = cam.reshape(1, *cam.shape[-2:])
    for score, fn in (('probability', softmax), ('output', None))[:2 if mapname in ('layer3-c3-torchcam', 'layer2-c8-pgc') else 1]:
        d = dict(model=model + '_script.pt', input=model + '.input.npy', map=f'{model}-{mapname}.map.npy', score=score); d['class'] = c
        with torch.no_grad():
            s = net(x) if fn is None else fn(net(x)); d['reference'] = float(s[0, c])
        m = TC.ClassificationMetric(Fixed(net, cam), fn); m.update(x, c)
        d['torchcam'] = {k: float(v) for k, v in m.summary().items()}
        for name, f in FILLS.items():
            for steps in (20, 7)[:2 if name == 'black' else 1]:
                m = TC.DeletionInsertionMetric(Fixed(net, cam), fn, steps=steps, baseline=f); m.update(x, c)
                full = TC._resize_cam(cam, tuple(x.shape[2:]))
                ranks = torch.argsort(torch.argsort(full.flatten(1), dim=1, descending=True, stable=True), dim=1)
                fr, de, ins = m._compute_curves(x, m._get_baseline(x), ranks, torch.tensor([c]), s[:, c].detach())
                d.setdefault('curves', []).append(dict(fill=name, steps=steps, fractions=r(fr), deletion=r(de), insertion=r(ins), **{k: float(v) for k, v in m.summary().items()}))
        if cam.shape[-1] == x.shape[-1] or mapname == 'layer3-c3-torchcam':
            cams = TC._resize_cam(cam, tuple(x.shape[2:])).numpy(); t = [(Soft if fn else Out)(c)]
            p = dict(drop=r(CM.DropInConfidence()(x, cams, t, net))[0], increase=r(CM.IncreaseInConfidence()(x, cams, t, net))[0],
                     complexity=float(A.Complexity()(cams)[0]))
            P = [10, 20, 30, 40, 50, 60, 70, 80, 90]
            R.NoisyLinearImputer.__init__.__defaults__ = (0, R.neighbors_weights)  # no noise
            with warnings.catch_warnings(record=True) as w:
                warnings.simplefilter('always')
                p['most'] = [r(R.ROADMostRelevantFirst(q)(x, cams, t, net))[0] for q in P]
                p['least'] = [r(R.ROADLeastRelevantFirst(q)(x, cams, t, net))[0] for q in P]
                p['road'] = r(R.ROADCombined()(x, cams, t, net))[0]
                print(mapname, {str(i.message)[:60] for i in w})
            d['pgc'] = p
        cases.append(d)
# A picture with missing pixels
x = load('tinyvgg.input.npy')[0][:, :24, :20].contiguous(); g = torch.Generator().manual_seed(4)
mask = (torch.rand(24, 20, generator=g) < 0.25).float(); mask[5:16, 3:18] = 0
filled = R.NoisyLinearImputer(noise=0)(x, mask)
np.save(OUT + '/imputed.input.npy', x.numpy()); np.save(OUT + '/imputed.kept.npy', mask.numpy()); np.save(OUT + '/imputed.npy', filled.numpy())
# ADCC, whole, with torch-cam's Score-CAM as its main.py has it
class Block(nn.Module):
    def __init__(s, i, o, st):
        super().__init__(); s.conv1 = nn.Conv2d(i, o, 3, st, 1, bias=False); s.bn1 = nn.BatchNorm2d(o); s.relu = nn.ReLU(); s.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False); s.bn2 = nn.BatchNorm2d(o)
        s.downsample = None if st == 1 else nn.Sequential(nn.Conv2d(i, o, 1, st, bias=False), nn.BatchNorm2d(o))
    def forward(s, x): return s.relu(s.bn2(s.conv2(s.relu(s.bn1(s.conv1(x))))) + (x if s.downsample is None else s.downsample(x)))
sd = torch.load(G + 'tinyresnet.pth'); w = [sd[f'layer{i}.0.conv1.weight'].shape[0] for i in (1, 2, 3)]
class Tiny(nn.Module):
    def __init__(s):
        super().__init__(); k = sd['conv1.weight'].shape
        s.conv1 = nn.Conv2d(3, k[0], k[2], 2, 2, bias=False); s.bn1 = nn.BatchNorm2d(k[0]); s.relu = nn.ReLU()
        s.layer1 = nn.Sequential(Block(k[0], w[0], 1), Block(w[0], w[0], 1)); s.layer2 = nn.Sequential(Block(w[0], w[1], 2), Block(w[1], w[1], 1)); s.layer3 = nn.Sequential(Block(w[1], w[2], 2), Block(w[2], w[2], 1))
        s.avgpool = nn.AdaptiveAvgPool2d(1); s.fc = nn.Linear(w[2], sd['fc.weight'].shape[0])
    def forward(s, x): return s.fc(torch.flatten(s.avgpool(s.layer3(s.layer2(s.layer1(s.relu(s.bn1(s.conv1(x))))))), 1))
net = Tiny().eval(); net.load_state_dict(sd); x = load('tinyresnet.input.npy')
print('same network', float((net(x) - torch.jit.load(G + 'tinyresnet_script.pt')(x)).abs().max()))
adcc = []
for layer in ('layer3', 'layer2', 'layer1'):
    def attr(image, model, classidx=None):
        with ScoreCAM(model, layer) as scam:
            with torch.no_grad(): out = model(image)
            classidx = out.max(1)[1].item() if classidx is None else classidx
            sal = scam(classidx, out)[0]
        return F.interpolate(sal.unsqueeze(0), tuple(image.shape[2:]), mode='bilinear', align_corners=False)
    sal = attr(x, net)
    v, drop, coh, com, _, _ = ADCC.ADCC(x, sal, x * sal, net, attr, debug=True)
    adcc.append(dict(layer=layer, top=int(net(x).argmax()), adcc=float(v), drop=float(drop), coherency=float(coh), complexity=float(com)))
    print(adcc[-1])
json.dump(dict(cases=cases, adcc=adcc), open(OUT + '/metrics.json', 'w'), separators=(',', ':'))
z=R.NoisyLinearImputer(noise=0)(x[0], torch.zeros(64,64)); print('all missing', z.min(), z.max())
print(len(cases), [ (c['map'], c['score'], c['reference'], c['torchcam'], c.get('pgc')) for c in cases][:20])
