"""Seconds that PyTorch takes for the training steps of M-DLRI's default net on three levers (5 x 4 x 4): bench/speed/levers.mjs runs it. Prints JSON.

usage: levers.py ROWS BATCH STEPS THREADS
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as f

rows, batch, steps, threads = map(int, sys.argv[1:5])
torch.manual_seed(1)
torch.set_num_threads(threads)
sizes, ranks, width = [5, 4, 4], 2, 20


class Head(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.plain = nn.Linear(width, outputs)
        self.deep = nn.Linear(32, outputs, bias=False)

    def forward(self, x, e):
        return self.plain(x) + self.deep(e)


class Mdlri(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(width, 32), nn.ELU(), nn.Linear(32, 32), nn.ELU(), nn.Linear(32, 1))
        self.direct = nn.Linear(3 * width + width * (width - 1) // 2, 1, bias=False)
        self.pairs = torch.triu_indices(width, width, 1)
        self.encoder = nn.Sequential(nn.Linear(width, 32), nn.ELU())
        self.heights = nn.ModuleList([Head(1) for _ in sizes])
        self.curves = nn.ParameterList([nn.Parameter(torch.randn(k - 1, 1) * 0.3 - 0.5) for k in sizes])
        self.and_strength = Head(ranks)
        self.and_steps = nn.ParameterList([nn.Parameter(torch.randn(k - 1, ranks) * 0.3 - 0.5) for k in sizes])
        self.and_offset = nn.Parameter(torch.randn(len(sizes), ranks) * 0.5 - 2)
        self.pot_share = nn.Parameter(torch.randn(len(sizes), ranks) * 0.5)
        self.pot_strength = nn.Parameter(torch.full((ranks,), -2.0))

    def forward(self, x, t):
        e = self.encoder(x)
        main = [f.pad(torch.cumsum(f.softplus(h(x, e)) @ f.softplus(c).T, 1), (1, 0)) for h, c in zip(self.heights, self.curves)]
        codes = [f.one_hot(t[:, l], k).float() for l, k in enumerate(sizes)]
        own = [(m * c).sum(1) for m, c in zip(main, codes)]
        risen = [f.pad(torch.cumsum(f.softplus(s), 0), (0, 0, 1, 0)) + f.softplus(self.and_offset[l]) for l, s in enumerate(self.and_steps)]
        gate = [r / r[-1:] for r in risen]
        here = (codes[0] @ gate[0]) * (codes[1] @ gate[1]) * (codes[2] @ gate[2])
        none = gate[0][0] * gate[1][0] * gate[2][0]
        synergy = (f.softplus(self.and_strength(x, e)) * (here - none)).sum(1)
        share = f.softplus(self.pot_share)
        poured = [o[:, None] * share[l] for l, o in enumerate(own)]
        scale = (sum(poured) + 1e-6).detach()
        total = sum((p / scale).square().square().square() for p in poured)
        substitution = (f.softplus(self.pot_strength) * scale * (total + 1e-12).sqrt().sqrt().sqrt()).sum(1)
        near = x.clamp(-4, 4)
        square = near.square()
        terms = torch.cat([x, square, (square * near - 3 * near) / 6**0.5, near[:, self.pairs[0]] * near[:, self.pairs[1]]], 1)
        return self.tower(x).squeeze(1) + self.direct(terms).squeeze(1) + sum(own) + synergy + substitution


net = Mdlri()
optimiser = torch.optim.Adam(net.parameters(), lr=0.01, fused=True)
x, y = torch.randn(rows, width), torch.randn(rows)
t = torch.stack([torch.randint(0, k, (rows,)) for k in sizes], 1)


def run(count):
    done = 0
    while done < count:
        order = torch.randperm(rows)
        for start in range(0, rows - batch + 1, batch):
            if done == count:
                break
            part = order[start : start + batch]
            optimiser.zero_grad()
            loss = ((net(x[part], t[part]) - y[part]) ** 2).mean() + 1e-4 * torch.log1p((net.direct.weight / 0.002).square()).sum()
            loss.backward()
            optimiser.step()
            done += 1


run(20)
began = time.perf_counter()
run(steps)
print(json.dumps({"torch": torch.__version__, "threads": threads, "seconds": time.perf_counter() - began}))
