"""Milliseconds of one training step of MoAE in PyTorch, written from a description of the official code (not a copy of it). Prints JSON.

usage: attribution.py BATCH THREADS SECONDS TABLE_ROWS(comma separated, 16 fields) [official | lean | training]

official: the operations of the benchmark's own code, read in alimama-tech/PyMAL (8bb58e9): embeddings stacked by kind, similarity histograms from cosines
in every step by comparing with all bins, attention that returns its weights, experts stacked and mixed by a product with their gates, the main tower's
layers worked out once for the fusion and once more for the residual, softmax and then a logarithm of the picked entry, the class of all four labels
put together in the step, dense embeddings and gradients, torch.optim.Adam with its defaults, a schedule of two, and the loss read out. Data loading is
left out.
training: the same with the benchmark's own way of loading: a data set that gives one row at a time as a dictionary of tensors, from arrays in memory,
and a DataLoader that puts batches together, with its eight workers.
lean: the same net and loss with what PyTorch has to make it faster: histograms ready made, attention without weights, no layer twice, fused
cross-entropy, sparse embedding gradients with SparseAdam, fused Adam.
"""

import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

batch, threads, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
sizes = [int(size) for size in sys.argv[4].split(",")]
how = sys.argv[5] if len(sys.argv) > 5 else "official"
official = how != "lean"
torch.set_num_threads(threads)
torch.manual_seed(1)
D, FUSED, HEADS = 16, 336, 5
CLASSES = [2, 2, 2, 2, 16]


class Expert(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up, self.fc = nn.Linear(D, D // 4, bias=False), nn.Linear(D // 4, D, bias=False), nn.Linear(FUSED, 256)

    def forward(self, x):
        groups = x.view(-1, FUSED // D, D)
        weigh = torch.sigmoid(self.up(F.relu(self.down(groups.mean(1)))))
        return F.relu(self.fc((groups * weigh.unsqueeze(1)).reshape(-1, FUSED)))


def histogram(cosines):
    """log2(1 + count) of 32 bins of width 1/16: [rows, 20] -> [rows, 32]."""
    bins = torch.floor(torch.clamp(cosines, -0.999, 0.999) * 16).long() + 16
    hits = (torch.arange(32).view(1, 32, 1) == bins.unsqueeze(1)).float()
    return torch.log2(hits.sum(2) + 1)


class MoAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(size, D, sparse=not official) for size in sizes])
        self.queries = nn.ModuleList([nn.Linear(10 * D, D) for _ in range(3)])
        self.readers = nn.ModuleList([nn.MultiheadAttention(D, 4, batch_first=True) for _ in range(3)])
        self.bins = nn.ParameterList([nn.Parameter(0.01 * torch.randn(32)) for _ in range(2)])
        self.norm = nn.LayerNorm(FUSED)
        self.shared, self.own = Expert(), nn.ModuleList([Expert() for _ in range(HEADS)])
        self.gates = nn.ModuleList([nn.Linear(FUSED, 2) for _ in range(HEADS)])
        widths = [256, 128, 64, 32]
        self.towers = nn.ModuleList([nn.ModuleList([nn.Linear(widths[l], widths[l + 1]) for l in range(3)]) for _ in range(HEADS)])
        self.outs = nn.ModuleList([nn.Linear(32, classes) for classes in CLASSES])
        self.fuse = nn.ModuleList([nn.Linear(HEADS * width, width) for width in widths[1:]])

    def forward(self, fields, sequences, similarities):
        looked = [table(fields[:, k]) for k, table in enumerate(self.tables)]
        items = [self.tables[6 + k](sequences[:, k]) for k in range(3)]
        if official:
            user, ad, items = torch.stack(looked[:6], 1), torch.stack(looked[6:], 1), torch.stack(items, 1)
            both, side = torch.cat([user, ad], 1).reshape(len(fields), -1), ad.reshape(len(fields), -1)
            items = [items[:, k] for k in range(3)]
        else:
            both, side = torch.cat(looked, 1), torch.cat(looked[6:], 1)
        read = []
        for k in range(3):
            read.append(self.readers[k](self.queries[k](side).unsqueeze(1), items[k], items[k], need_weights=official)[0].squeeze(1))
        similar = sum((histogram(similarities[:, k]) if official else similarities[:, k]) * self.bins[k] for k in range(2))
        x = self.norm(torch.cat([both, *read, similar], 1))
        common = self.shared(x)
        hidden = []
        for k in range(HEADS):
            share = torch.softmax(self.gates[k](x), -1)
            own = self.own[k](x)
            if official:
                hidden.append((torch.stack([common, own], 1).transpose(-2, -1) @ share.unsqueeze(-1)).squeeze(2))
            else:
                hidden.append(share[:, :1] * common + share[:, 1:] * own)
        for l in range(3):
            raw = [self.towers[k][l](hidden[k]) for k in range(HEADS)]
            beside = [F.relu(r) for r in raw[1:]]
            again = self.towers[0][l](hidden[0]) if official else raw[0]
            hidden = [F.relu(self.fuse[l](torch.cat([raw[0], *beside], 1)) + again), *beside]
        return [out(h) for out, h in zip(self.outs, hidden)]


net = MoAE()
fields = torch.stack([torch.randint(0, size, (batch,)) for size in sizes], 1)
sequences = torch.stack([torch.randint(0, sizes[6 + k], (batch, 20)) for k in range(3)], 1)
similarities = 2 * torch.rand(batch, 2, 20) - 1 if official else torch.rand(batch, 2, 32)
labels = [torch.randint(0, classes, (batch,)) for classes in CLASSES]
tables = {id(p) for table in net.tables for p in table.parameters()}
embeddings = [p for p in net.parameters() if id(p) in tables]
dense = [p for p in net.parameters() if id(p) not in tables]
schedule = None
if official:
    torch.use_deterministic_algorithms(True, warn_only=True)
    optimisers = [torch.optim.Adam([{"params": embeddings, "lr": 0.03}, {"params": dense, "lr": 0.003}])]
    rising = torch.optim.lr_scheduler.LinearLR(optimisers[0], start_factor=0.0001, end_factor=1.0, total_iters=1000)
    level = torch.optim.lr_scheduler.ConstantLR(optimisers[0], factor=1.0, total_iters=19000)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimisers[0], schedulers=[rising, level], milestones=[1000])
else:
    optimisers = [torch.optim.SparseAdam(embeddings, lr=0.03), torch.optim.Adam(dense, lr=0.003, fused=True)]


def loss_of(logits, label):
    if not official:
        return F.cross_entropy(logits, label)
    return -torch.mean(torch.log(torch.softmax(logits, -1)[torch.arange(len(label)), label] + 1e-8))


def step(fields=fields, sequences=sequences, similarities=similarities, labels=labels):
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    logits = net(fields, sequences, similarities)
    targets = labels
    if official:
        targets = [*labels[:4], sum(label.to(torch.int32) * 2**k for k, label in enumerate(labels[:4]))]
    losses = [loss_of(l, y) for l, y in zip(logits, targets)]
    (losses[0] + 0.3 * sum(losses[1:])).backward()
    for optimiser in optimisers:
        optimiser.step()
    if schedule is not None:
        schedule.step()
        losses[0].item()


class Clicks(torch.utils.data.Dataset):
    def __init__(self, rows):
        self.rows = rows
        self.ad = torch.stack([torch.randint(0, size, (rows,)) for size in sizes[6:]], 1)
        self.user = torch.stack([torch.randint(0, size, (rows,)) for size in sizes[:6]], 1)
        self.similar = 2 * torch.rand(rows, 2, 20) - 1
        self.sequence = torch.stack([torch.randint(0, sizes[6 + k], (rows, 20)) for k in range(3)], 1)
        self.label = {name: torch.randint(0, 2, (rows,)) for name in ["first", "last", "mta", "linear"]}

    def __len__(self):
        return self.rows

    def __getitem__(self, i):
        label = {name: list[i] for name, list in self.label.items()}
        return {"ad": self.ad[i], "user": self.user[i], "mm": self.similar[i], "seq": self.sequence[i], "label": label}


def training():
    batches = 40
    loader = torch.utils.data.DataLoader(Clicks(batch * batches), batch_size=batch, num_workers=8, shuffle=False)
    begin = time.perf_counter()
    for b in loader:
        label = b["label"]
        four = [label[name] for name in ["last", "first", "linear", "mta"]]
        step(torch.cat([b["user"], b["ad"]], 1), b["seq"], b["mm"], [*four, four[0]])
    seconds = time.perf_counter() - begin
    print(json.dumps({"torch": torch.__version__, "rows": batch * batches, "seconds": seconds, "rowsPerSecond": batch * batches / seconds}))


if how == "training":
    training()
    sys.exit()
for _ in range(3):
    step()
wall, cpu = [], []
begin = time.perf_counter()
while time.perf_counter() - begin < seconds or len(wall) < 5:
    t, c = time.perf_counter(), time.process_time()
    step()
    wall.append(1000 * (time.perf_counter() - t))
    cpu.append(1000 * (time.process_time() - c))
median = lambda values: sorted(values)[len(values) // 2]
print(json.dumps({"torch": torch.__version__, "ms": median(wall), "cpuMs": median(cpu), "steps": len(wall), "peakMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
