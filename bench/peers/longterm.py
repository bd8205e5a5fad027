"""Milliseconds of one training step (forward, backward, Adam) of the nets of bench/speed/longterm.mjs in PyTorch. Prints JSON."""

import json
import sys
import time

import torch
from torch import nn


def gru(batch):
    """A bidirectional GRU of 64 over 7 days of 3 metrics, two dense layers on its last states."""
    body = nn.GRU(3, 64, batch_first=True, bidirectional=True)
    head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))
    s, y = torch.randn(batch, 7, 3), torch.randn(batch)

    def loss():
        last = body(s)[1]
        h = torch.cat([last[0], last[1]], 1)
        return ((head(h).squeeze(1) - y) ** 2).mean()

    return loss, [*body.parameters(), *head.parameters()]


def attention(batch):
    """Two encoder blocks of width 32 with four heads and a feed-forward layer of 128 over 14 days, normalised after each part."""
    blocks = nn.ModuleList([nn.TransformerEncoderLayer(32, 4, 128, dropout=0.0, batch_first=True) for _ in range(2)])
    out = nn.Linear(32, 1)
    x, y = torch.randn(batch, 14, 32), torch.randn(batch)

    def loss():
        h = x
        for block in blocks:
            h = block(h)
        return ((out(h.mean(1)).squeeze(1) - y) ** 2).mean()

    return loss, [*blocks.parameters(), *out.parameters()]


def main():
    name, batch, threads, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    loss, weights = {"gru": gru, "attention": attention}[name](batch)
    rule = torch.optim.Adam(weights, lr=1e-3, fused=True)
    spent = []
    end = None
    while end is None or time.perf_counter() < end or len(spent) < 20:
        start = time.perf_counter()
        rule.zero_grad()
        value = loss()
        value.backward()
        rule.step()
        value.item()
        spent.append(1000 * (time.perf_counter() - start))
        if len(spent) == 5 and end is None:
            # The first steps are spent on warming up.
            spent = []
            end = time.perf_counter() + seconds
    print(json.dumps({"version": torch.__version__, "steps": spent}))


main()
