"""Milliseconds of one training step (forward, backward, Adam) of the nets of bench/speed/nets.mjs in PyTorch. Prints JSON."""

import json
import sys
import time

import torch
from torch import nn


def net_a(batch):
    """Dense 32-128-128 with ELU, one head an arm, squared error of the factual outcome."""
    body = nn.Sequential(nn.Linear(32, 128), nn.ELU(), nn.Linear(128, 128), nn.ELU())
    heads = nn.ModuleList([nn.Linear(128, 1), nn.Linear(128, 1)])
    x, t, y = torch.randn(batch, 32), torch.randint(0, 2, (batch,)).float(), torch.randn(batch)

    def loss():
        h = body(x)
        mu = t * heads[1](h).squeeze(1) + (1 - t) * heads[0](h).squeeze(1)
        return ((mu - y) ** 2).mean()

    dense = [*body.parameters(), *heads.parameters()]
    return loss, [torch.optim.Adam(dense, lr=1e-3, fused=True)]


def net_b(batch):
    """16 fields of 10,000 values as vectors of 16, four experts, four towers, binary cross-entropy."""
    table = nn.Embedding(160000, 16, sparse=True)
    experts = nn.ModuleList([nn.Linear(256, 256) for _ in range(4)])
    gates = nn.ModuleList([nn.Linear(256, 4) for _ in range(4)])
    towers = nn.ModuleList([nn.Sequential(nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1)) for _ in range(4)])
    codes = torch.randint(0, 10000, (batch, 16)) + 10000 * torch.arange(16)
    labels = torch.randint(0, 2, (batch, 4)).float()

    def loss():
        x = table(codes).reshape(batch, 256)
        made = torch.stack([torch.relu(e(x)) for e in experts], 1)
        mixed = torch.stack([torch.softmax(gate(x), -1) for gate in gates], 1) @ made
        return sum(nn.functional.binary_cross_entropy_with_logits(towers[k](mixed[:, k]).squeeze(1), labels[:, k]) for k in range(4))

    dense = [*experts.parameters(), *gates.parameters(), *towers.parameters()]
    return loss, [torch.optim.Adam(dense, lr=1e-3, fused=True), torch.optim.SparseAdam(table.parameters(), lr=1e-3)]


def net_c(batch):
    """Self-attention with four heads over 14 steps of width 32, a feed-forward block, squared error."""
    attention = nn.MultiheadAttention(32, 4, batch_first=True)
    norm = nn.LayerNorm(32)
    forward = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32))
    out = nn.Linear(32, 1)
    x, y = torch.randn(batch, 14, 32), torch.randn(batch)

    def loss():
        h = norm(x + attention(x, x, x, need_weights=False)[0])
        return ((out((h + forward(h)).mean(1)).squeeze(1) - y) ** 2).mean()

    dense = [*attention.parameters(), *norm.parameters(), *forward.parameters(), *out.parameters()]
    return loss, [torch.optim.Adam(dense, lr=1e-3, fused=True)]


def main():
    name, batch, threads, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    loss, rules = {"A": net_a, "B": net_b, "C": net_c}[name](batch)
    spent = []
    end = None
    while end is None or time.perf_counter() < end or len(spent) < 20:
        start = time.perf_counter()
        for rule in rules:
            rule.zero_grad()
        value = loss()
        value.backward()
        for rule in rules:
            rule.step()
        value.item()
        spent.append(1000 * (time.perf_counter() - start))
        if len(spent) == 5 and end is None:
            # The first steps are spent on warming up.
            spent = []
            end = time.perf_counter() + seconds
    print(json.dumps({"version": torch.__version__, "steps": spent}))


if __name__ == "__main__":
    main()
