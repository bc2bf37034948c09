"""Our training steps in bf16 beside PyTorch's in f64, within a bound made of 2^-8.

  compare_bf16_with_pytorch.py TAKE_STEPS_BINARY CASE

CASE ends with -bf16. Compared are, after one step, every gradient by a weight (the momentum then
is that plus the decay), weight and running statistic; and the loss of every of 20 steps.

The bound. A result stored in bf16 is off by at most u = 2^-8 of itself, and each such rounding
moves a tensor by its Jacobian times that. Roundings are taken as independent with mean zero; a
sum of such vectors whose lengths are at most b_i exceeds lambda b, b^2 = sum b_i^2, with
probability at most 2 exp(-lambda^2 / 2) (Pinelis 1994; tests/differential/rounding_model.h). b^2
is the expected square of what happens when every stored element becomes (1 +- u) times itself
with random signs, so PyTorch trains in f64 so, TRIALS times, and the squares are averaged: no
figure of ours enters. With lambda = 7 a right program fails once in 10^10 tensors.

Where we round (compiler/passes/narrow_storage.h): inputs, weights and biases of products, results
of products, norms, sums and means; backwards the gradient by each of these results and, before
they are added up, by each of its uses. Not gradients by weights, statistics, norms' parameters,
losses and updates. Roundings of f32, 2^16 times less, are left out but for those of a tensor
that hardly moves: an update, as a blend of statistics, rounds at most F32_ROUNDINGS times to
2^-24 of what it stores.

Beside ours stand PyTorch's own autocast and a PyTorch that rounds to bf16 at these places: neither
may exceed the bound, or it is none. PyTorch training wrongly on purpose must exceed it.
"""
import contextlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from torch.nn import functional as F

from compare_with_pytorch import train

UNIT = 2.0 ** -8
F32_ROUNDINGS = 4
LAMBDA = 7
TRIALS = 6
STEPS = 20

# Each is a change of how PyTorch trains that the comparison has to notice.
FAULTS = {
    "no momentum": {"momentum": 0.0},
    "no weight decay": {"weight_decay": 0.0},
    "Nesterov momentum": {"nesterov": True},
    "statistics kept at 0.2": {"statistics_momentum": 0.2},
    "epsilon of 0.1": {"epsilon": 0.1},
}
# All where a run takes a second; two where it takes many.
FAULTS_OF = {"drivenet-tiny": list(FAULTS), "resnet-tiny": ["no momentum", "no weight decay"]}
MICRO_BATCHES = {"drivenet-tiny": 1, "resnet-tiny": 2}  # as in take_steps.cc


def noisy(x):
    return x * (1 + UNIT * (2.0 * torch.randint(0, 2, x.shape) - 1))


def rounded(x):
    return x.bfloat16().to(x.dtype)


class Storage(torch.overrides.TorchFunctionMode):
    """Forward passes in it store by `store` what Tatami stores in bf16."""

    PRODUCTS = (torch.conv2d, torch.conv3d, F.linear)
    FOLLOW = (F.batch_norm, F.interpolate, F.relu, torch.Tensor.add, torch.Tensor.add_,
              torch.Tensor.__iadd__, torch.Tensor.mean)

    def __init__(self, store):
        super().__init__()

        class Stored(torch.autograd.Function):
            """A value, and the gradient by it."""

            @staticmethod
            def forward(ctx, x):
                return store(x)

            @staticmethod
            def backward(ctx, d):
                return store(d)

        class Read(torch.autograd.Function):
            """One use of a value: the gradient by it is stored too."""

            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, d):
                return store(d)

        class Copied(torch.autograd.Function):
            """What a product reads of an f32 tensor, the gradient by which is f32."""

            @staticmethod
            def forward(ctx, x):
                return store(x)

            @staticmethod
            def backward(ctx, d):
                return d

        self.stored, self.read, self.copied = Stored.apply, Read.apply, Copied.apply

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        product = func in self.PRODUCTS
        if not product and (func not in self.FOLLOW or args[0].is_leaf):
            return func(*args, **kwargs)

        def read(x):
            if not isinstance(x, torch.Tensor):
                return x
            if x.is_leaf:  # a parameter, a statistic or what is fed
                return self.copied(x) if product else x
            return self.read(x)

        out = func(*[read(x) for x in args], **{k: read(x) for k, x in kwargs.items()})
        # A linear layer stores its products and, with the bias, their sums.
        return self.stored(self.stored(out) if func is F.linear else out)


def steps_of(case, folder, steps, dtype, fault=None, storage=None):
    """(ours, theirs): all tensors after one step, or the losses of many."""
    changes = {"micro_batches": MICRO_BATCHES[case], **(fault or {})}
    pair = train(case, folder, dtype, changes, steps, storage or contextlib.nullcontext())
    return [{n: x for n, x in tensors.items() if steps == 1 or n.startswith("loss of step")}
            for tensors in pair]


def lengths(got, want):
    return {n: np.linalg.norm(got[n].astype(np.float64) - x)
            for n, x in want.items() if n in got}


def bounds_of(case, folder, steps, truth):
    squares = dict.fromkeys(truth, 0.0)
    for trial in range(TRIALS):
        torch.manual_seed(trial)
        _, got = steps_of(case, folder, steps, torch.float64, storage=Storage(noisy))
        for name, length in lengths(got, truth).items():
            squares[name] += length ** 2 / TRIALS
    return {name: LAMBDA * np.sqrt(square) + F32_ROUNDINGS * 2.0 ** -24 *
            np.linalg.norm(truth[name]) for name, square in squares.items()}


def shares(got, truth, bounds):
    """{name: error over bound}, largest first."""
    out = {n: gap / bounds[n] if bounds[n] > 0 else (0.0 if gap == 0 else np.inf)
           for n, gap in lengths(got, truth).items()}
    return dict(sorted(out.items(), key=lambda item: -item[1]))


def compare(binary, narrow_case, steps):
    """Whether all stay within their bounds; and by fault how many tensors do not."""
    case, good = narrow_case.removesuffix("-bf16"), True
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([binary, narrow_case, str(steps), folder], check=True)
        ours, truth = steps_of(case, folder, steps, torch.float64)
        bounds = bounds_of(case, folder, steps, truth)
        autocast = torch.autocast("cpu", torch.bfloat16)
        _, theirs = steps_of(case, folder, steps, torch.float32, storage=autocast)
        _, alike = steps_of(case, folder, steps, torch.float32, storage=Storage(rounded))
        for who, got in (("ours", ours), ("PyTorch autocast", theirs),
                         ("PyTorch rounding as we do", alike)):
            share = shares(got, truth, bounds)
            name, most = next(iter(share.items()))
            print(f"{narrow_case}, {steps} steps, {who}: {len(share)} tensors, largest error "
                  f"{most:.2f} of its bound ({name}), median {np.median(list(share.values())):.3f}")
            if not most <= 1:
                good = False
                print(f"FAILED: {dict(list(share.items())[:10])}")
        for k in sorted({1, steps // 2, steps} - {0}):
            n = f"loss of step {k}"
            print(f"  {n}: ours {float(ours[n]):.5f}, f64 {float(truth[n]):.5f} within "
                  f"{bounds[n]:.5f}, autocast {float(theirs[n]):.5f}")
        found = {}
        for what in FAULTS_OF[case]:
            _, wrong = steps_of(case, folder, steps, torch.float32, FAULTS[what],
                                Storage(rounded))
            found[what] = sum(s > 1 for s in shares(wrong, truth, bounds).values())
    return good, found


def main(binary, narrow_case):
    case = narrow_case.removesuffix("-bf16")
    torch.set_num_threads(2)
    good_one, found_one = compare(binary, narrow_case, 1)
    good_many, found_many = compare(binary, narrow_case, STEPS)
    good = good_one and good_many
    for what in FAULTS_OF[case]:
        print(f"fault '{what}': {found_one[what]} tensors of one step and {found_many[what]} "
              f"losses exceed their bounds")
        if found_one[what] + found_many[what] == 0:
            good = False
            print("FAILED: the comparison does not notice this fault")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
