"""Someone else's training loop on an exported data set: Zarr and PyTorch, nothing of glaciercast; the tests execute it.

Usage: python examples/plain_torch.py FOLDER, made by: glaciercast export CUBE --format dataset --out FOLDER
"""

import sys

import torch
import zarr
from torch import nn


def _load(part):
    group = zarr.open_group(f"{sys.argv[1]}/windows.zarr", path=part, mode="r")
    mean, std = (torch.tensor(group.attrs[name])[:, None, None] for name in ("mean", "std"))  # of the training frames
    inputs, targets, observed = (torch.from_numpy(group[name][:]) for name in ("inputs", "targets", "targets_observed"))
    normal = (inputs - mean) / std, (targets - mean[: targets.shape[2]]) / std[: targets.shape[2]]  # targets come first
    return torch.utils.data.TensorDataset(*(torch.nan_to_num(values).flatten(1, 2) for values in (*normal, observed)))


def _error(inputs, targets, observed):
    return (observed * (network(inputs) - targets) ** 2).sum() / observed.sum()  # what was filled does not count


train, test = _load("train"), _load("test")
network = nn.Sequential(nn.Conv2d(len(train[0][0]), 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, len(train[0][1]), 3, padding=1))
optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
for epoch in range(20):
    for batch in torch.utils.data.DataLoader(train, batch_size=16, shuffle=True):
        optimiser.zero_grad()
        _error(*batch).backward()
        optimiser.step()
    print(f"epoch {epoch}: mean squared error {_error(*train.tensors):.3f} in training, {_error(*test.tensors):.3f} in the test part")
