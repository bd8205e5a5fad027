"""Seconds that PyTorch takes for training steps of CanniUplift's default net on users with candidates: bench/speed/canni.mjs runs it. Prints JSON.

usage: canni.py USERS CANDIDATES STEPS THREADS
"""

import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as f

users, m, steps, threads = map(int, sys.argv[1:5])
torch.manual_seed(1)
torch.set_num_threads(threads)
width, offer, events, count = 23, 1, 15, 12
hidden, tower, heads, inner, size = 64, 32, 2, 16, 8


def mlp(inputs, *widths, last=True):
    layers = []
    for i, w in enumerate(widths):
        layers.append(nn.Linear(inputs, w))
        if i < len(widths) - 1 or not last:
            layers.append(nn.ELU())
        inputs = w
    return nn.Sequential(*layers)


class Ask(nn.Module):
    def __init__(self, query):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(query, inner), nn.Linear(events, inner, bias=False), nn.Linear(events, inner)
        self.same, self.offset = nn.Parameter(torch.full((1, heads, 1, 1), 2.0)), nn.Parameter(torch.full((1, heads, 1, 1), -2.0))

    def forward(self, x, history, same):
        part = lambda z: z.reshape(z.shape[0], z.shape[1], heads, size).transpose(1, 2)
        scores = part(self.q(x)) @ part(self.k(history)).transpose(2, 3) / math.sqrt(size) + same[:, None] * self.same
        found = (torch.softmax(scores, 3) @ part(self.v(history))).transpose(1, 2).reshape(x.shape[0], m, inner)
        share = torch.sigmoid(scores + self.offset).mean(3).transpose(1, 2)
        return torch.cat([found, share], 2)


class Canni(nn.Module):
    def __init__(self):
        super().__init__()
        asked = inner + heads
        self.seller, self.offer = Ask(width), Ask(width + offer)
        self.trunk = mlp(width + asked, hidden, hidden, last=False)
        self.offered = mlp(hidden + offer + asked, hidden, tower, last=False)
        self.control = mlp(hidden, tower, 1)
        self.treated = nn.ModuleList([mlp(tower, tower, 1) for _ in range(3)])
        self.q, self.k = nn.Linear(hidden, 8), nn.Linear(hidden, 8, bias=False)
        nn.init.zeros_(self.q.weight)
        self.same, self.offset = nn.Parameter(torch.tensor(9.0)), nn.Parameter(torch.tensor(-7.0))
        self.wearing, self.lapsing, self.taking, self.drawn = (nn.Parameter(torch.tensor(s)) for s in (0.5, 0.05, 0.2, 0.2))
        self.elsewhere, self.moves = mlp(width + asked, tower, 1), nn.Linear(width + asked, 16)
        self.shares = nn.Linear(16, 2)
        nn.init.zeros_(self.shares.weight)
        self.register_buffer("others", 1 - torch.eye(m))

    def assembled(self, mu0, organic, gain, redeems, share, company=None):
        left, works, uses = company if company else (1.0, 1.0, 1.0)
        demand, added = organic * left, gain * works
        p = (torch.sigmoid(redeems) * uses).clamp(1e-4, 1 - 1e-4)
        unredeemed = demand * share
        m1, m0 = (demand - unredeemed + added).clamp(min=1e-6) / p, unredeemed / (1 - p)
        return mu0 * left, p * m1 + (1 - p) * m0, p, m1, m0

    def forward(self, x, a, t, same, history, same_event):
        plain = torch.cat([x, self.seller(x, history, same_event)], 2)
        z = self.trunk(plain)
        z1 = self.offered(torch.cat([z, a, self.offer(torch.cat([x, a], 2), history, same_event)], 2))
        raw0 = self.control(z).squeeze(2) - 2
        redeems, share, more = (head(z1).squeeze(2) for head in self.treated)
        mu0 = f.softplus(raw0)
        organic, base = mu0.detach(), raw0.detach()
        parts = (mu0, organic, (f.softplus(base + more) - organic) * torch.sigmoid(redeems), redeems, torch.sigmoid(share))
        alone = self.assembled(*parts)
        demand, uplift = alone[0].detach(), torch.relu(alone[1] - alone[0]).detach()
        compete = torch.sigmoid(self.q(z) @ self.k(z).transpose(1, 2) / math.sqrt(8) + self.offset + same * self.same) * self.others
        beats = compete * (uplift[:, None, :] > uplift[:, :, None]).float()
        stronger = (beats * t[:, None, :]).sum(2)
        fades = lambda v, by: torch.exp(-(v * by).clamp(-1, 8))
        without = stronger[:, None, :] - beats.transpose(1, 2) * t[:, :, None]
        gains = compete * fades(without, self.wearing) * (uplift * t)[:, None, :]
        taken = gains.sum(2) / ((compete @ demand[:, :, None]).squeeze(2) + demand + 1e-4)
        about = plain.mean(1).detach()
        by = torch.sigmoid(self.shares(f.elu(self.moves(about))))
        moved, drawn = by[:, :1] * self.taking, by[:, 1] * self.drawn
        works = fades(stronger, self.wearing)
        left = torch.exp(-(taken * moved).clamp(-1, 5))
        company = self.assembled(*parts, (left, works, fades(stronger, self.lapsing)))
        whole = f.softplus(self.elsewhere(about).squeeze(1))
        outside = torch.maximum(whole - (uplift * works * t).sum(1) * drawn, 0.02 * whole)
        return company, outside


net = Canni()
optimiser = torch.optim.Adam(net.parameters(), lr=0.005, fused=True)
rows = 20 * users
x, a, y = torch.randn(rows, m, width), torch.randn(rows, m, offer), torch.rand(rows, m)
t = (torch.rand(rows, m) < 0.15).float()
redeemed = t * (torch.rand(rows, m) < 0.5)
category, past = torch.randint(0, 10, (rows, m)), torch.randint(0, 10, (rows, count))
history, total, arm = torch.randn(rows, count, events), torch.rand(rows) * 10 + m, (torch.rand(rows) < 0.5).float()
poisson = lambda mean, target: mean - target * torch.log(mean.clamp(min=1e-6))


def run(number):
    done = 0
    while done < number:
        order = torch.randperm(rows)
        for start in range(0, rows - users + 1, users):
            if done == number:
                break
            i = order[start : start + users]
            c = category[i]
            same, same_event = (c[:, :, None] == c[:, None, :]).float(), (c[:, :, None] == past[i][:, None, :]).float()
            optimiser.zero_grad()
            (mu0, mu1, p, m1, m0), outside = net(x[i], a[i], t[i], same, history[i], same_event)
            ti, yi, ri = t[i], y[i], redeemed[i]
            factual = ti * mu1 + (1 - ti) * mu0
            space = poisson(p * m1, yi * ri) + poisson((1 - p) * m0, yi * (1 - ri)) + 0.1 * f.binary_cross_entropy(p, ri, reduction="none")
            loss = poisson(factual, yi).mean() + (space * ti).mean()
            predicted = factual.sum(1) + outside
            loss = loss + ((poisson(predicted, total[i]) + poisson(outside, (total[i] - yi.sum(1)).clamp(min=0))) / m).mean()
            for of in (arm[i], 1 - arm[i]):
                loss = loss + 15 * ((predicted - total[i]) * of).sum() ** 2 / (predicted.detach() * of).sum().clamp(min=1e-6) / yi.numel()
            loss = loss + 1e-4 * sum((w**2).sum() for w in net.parameters() if w.dim() == 2)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 10)
            optimiser.step()
            done += 1


run(5)
began = time.perf_counter()
run(steps)
print(json.dumps({"torch": torch.__version__, "threads": threads, "seconds": time.perf_counter() - began}))
