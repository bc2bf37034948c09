"""Repeats our training steps in PyTorch from our safetensors and compares everything.

  compare_with_pytorch.py TAKE_STEPS_BINARY CASE

What agrees: the loss of every step, and after the last one every weight, running statistic
and momentum. The measure is max |ours - theirs| / max |theirs| over a tensor, at most
1e-4. It is relative to the tensor's largest element, not to each one: an element is a sum
of products that cancel, so its own rounding error is set by the terms, which are of the
tensor's size; elements near zero have no correct digits in either program.

Where our step takes its batch in micro-batches, PyTorch accumulates gradients over the same
parts: its batch norm then sees a part at a time and updates its statistics after each.

A tensor that training hardly moves would agree whatever the step did. So the difference must
also be at most 2 % of how far PyTorch moved the tensor, whichever is less. (Five roundings of
a stored weight come to 3e-7 of it; the least that a tensor moves here is 2.7e-4 of it.)

The comparison is itself tested: it must fail when PyTorch trains wrongly on purpose, without
momentum, without decay and so on.
"""
import contextlib
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools", "bench"))

import numpy as np
import torch
from torch.nn import functional as F

from pytorch_models import MODELS, fill_loss
from pytorch_names import pytorch_name
from safetensors_reader import read_safetensors

STEPS = 5
TOLERANCE = 1e-4
SHARE_OF_MOVE = 0.02
SGD = {"momentum": 0.9, "weight_decay": 0.01}

# Each is a change of how PyTorch trains that the comparison has to notice.
FAULTS = {
    "no momentum": {"momentum": 0.0},
    "no weight decay": {"weight_decay": 0.0},
    "Nesterov momentum": {"nesterov": True},
    "statistics kept at 0.11": {"statistics_momentum": 0.11},
    "epsilon of 1e-4": {"epsilon": 1e-4},
    "the batch at once": {"micro_batches": 1},
    "gradients not divided": {"share": 1.0},
}
OF_MICRO_BATCHES = ["the batch at once", "gradients not divided"]
MICRO_BATCHES = {"resnet-tiny": 4}  # as in take_steps.cc
# All faults where a run takes a second; one where it takes many.
FAULTS_OF = {"drivenet-tiny": [f for f in FAULTS if f not in OF_MICRO_BATCHES],
             "resnet18": ["no momentum"], "resnet-tiny": OF_MICRO_BATCHES}


def read_step(folder, step):
    return read_safetensors(os.path.join(folder, f"step-{step:08d}", "model.safetensors"))


def channels_second(array, dtype):
    """(N, [T,] H, W, C) to PyTorch's (N, C, [T,] H, W)."""
    return torch.from_numpy(np.moveaxis(array, -1, 1).copy()).to(dtype)


def loss_of(case, net, data, dtype):
    if case.startswith("resnet"):
        logits = net(channels_second(data["images"], dtype))
        return F.cross_entropy(logits, torch.from_numpy(data["labels"].astype(np.int64)))
    frames, mask = (channels_second(data[k], dtype) for k in ("frames", "mask"))
    return fill_loss(net(frames, mask), frames, mask)


def micro_batches_of(data, count):
    """Equal parts of all arrays that have a batch dimension."""
    parts = {name: np.split(array, count) for name, array in data.items() if array.ndim}
    return [{name: arrays[i] for name, arrays in parts.items()} for i in range(count)]


def train(case, folder, dtype, fault, steps=STEPS, storage=contextlib.nullcontext()):
    """Losses and every tensor after the steps, under our names; forward passes in `storage`."""
    before = read_step(folder, 0)
    names = {name: pytorch_name(case, name) for name in before}
    net = MODELS[case]().to(dtype)
    state = {p: torch.from_numpy(before[n].copy()).to(dtype)
             for n, p in names.items() if p is not None}
    missing, unexpected = net.load_state_dict(state, strict=False)
    missing = [m for m in missing if not m.endswith("num_batches_tracked")]
    assert not missing and not unexpected, (missing, unexpected)
    for module in net.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = fault.get("statistics_momentum", module.momentum)
            module.eps = fault.get("epsilon", module.eps)
    net.train()
    data = [read_step(os.path.join(folder, "data"), step) for step in range(steps)]
    options = dict(SGD, **{k: v for k, v in fault.items()
                           if k in ("momentum", "weight_decay", "nesterov")})
    optimizer = torch.optim.SGD(net.parameters(), lr=float(data[0]["learning_rate"]),
                                **options)
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        count = fault.get("micro_batches", MICRO_BATCHES.get(case, 1))
        share = fault.get("share", 1 / count)
        loss = 0.0
        for part in micro_batches_of(data[step], count):
            with storage:
                weighted = loss_of(case, net, part, dtype) * share
            weighted.backward()
            loss += weighted.item()
        optimizer.step()
        losses.append(loss)
    after = net.state_dict()
    moments = {n: optimizer.state[p].get("momentum_buffer") for n, p in net.named_parameters()}
    out = {}
    for name, theirs in names.items():
        if theirs is None:
            theirs = moments[pytorch_name(case, name.removesuffix(".sgd_velocity"))]
        else:
            theirs = after[theirs]
        if theirs is not None:
            out[name] = theirs.detach().double().numpy()
    ours = {f"loss of step {k + 1}": d["loss"] for k, d in enumerate(data)}
    theirs = {f"loss of step {k + 1}": np.array(x) for k, x in enumerate(losses)}
    ours.update(read_step(folder, steps))
    theirs.update(out)
    return ours, theirs


def differences(ours, theirs):
    """{name: largest difference relative to their largest element}."""
    out = {}
    for name, theirs_array in theirs.items():
        assert ours[name].shape == theirs_array.shape, name
        scale = np.abs(theirs_array).max()
        gap = np.abs(ours[name].astype(np.float64) - theirs_array).max()
        out[name] = gap / scale if scale > 0 else (0.0 if gap == 0 else np.inf)
    return out


def exceeding(ours, theirs, before):
    """The differences that are larger than they may be."""
    gaps = differences(ours, theirs)
    moved = differences({**ours, **before}, theirs)
    allowed = {n: TOLERANCE if n not in before else min(TOLERANCE, SHARE_OF_MOVE * moved[n])
               for n in gaps}
    return {n: g for n, g in gaps.items() if not g <= allowed[n]}


def worst(values, count=3):
    ranked = sorted(values.items(), key=lambda item: -item[1])[:count]
    return ", ".join(f"{name} {value:.1e}" for name, value in ranked)


def main(binary, case):
    torch.manual_seed(0)
    torch.set_num_threads(2)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([binary, case, str(STEPS), folder], check=True)
        before = read_step(folder, 0)
        for dtype in (torch.float32, torch.float64):
            ours, theirs = train(case, folder, dtype, {})
            gaps = differences(ours, theirs)
            bad = exceeding(ours, theirs, before)
            print(f"{case} against {dtype}: {len(gaps)} tensors, worst {worst(gaps)}")
            if bad:
                failed = True
                print(f"FAILED: {len(bad)} differ by too much: {worst(bad, 20)}")
        missing = set(read_step(folder, STEPS)) - set(theirs)
        print("losses", *(f"{float(ours[f'loss of step {k + 1}']):.6f}" for k in range(STEPS)))
        if missing:
            failed = True
            print(f"FAILED: not compared {sorted(missing)}")
        for what in FAULTS_OF[case]:
            ours, theirs = train(case, folder, torch.float32, FAULTS[what])
            found = len(exceeding(ours, theirs, before))
            print(f"fault '{what}': {found} of {len(theirs)} tensors differ")
            if found == 0:
                failed = True
                print("FAILED: the comparison does not notice this fault")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
