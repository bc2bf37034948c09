"""Trains a network of pytorch_models.py on this computer's GPUs, on made-up data, and
writes how fast: records as tools/bench/scaling_record.h defines them, one a precision.

  gpu_train.py --model resnet50 --batch 64 --out gpu.json

A step is forward, loss, backward and SGD with momentum 0.9, in channels-last memory
format; bf16 is autocast, f32 PyTorch's default (TF32 in convolutions). With several GPUs
it starts itself under torchrun and measures 1, 2, 4.. and all of them, each with the
whole --batch (weak scaling), DistributedDataParallel over NCCL. Needs nothing of ours but
the files beside it, so that it can be copied to where the GPUs are.

Exit code 6 where there is no GPU.
"""
import argparse
import contextlib
import datetime
import json
import os
import statistics
import subprocess
import sys
import time

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from pytorch_models import MODELS, loss_of, random_batch

EXIT_INFRASTRUCTURE = 6


class Chips:
    """The processors to train on, as PyTorch sees them: GPUs, or CPUs for tests."""

    def __init__(self, kind, rank):
        self.kind = kind
        self.device = torch.device("cpu") if kind == "cpu" else torch.device("cuda", rank)
        if kind == "cuda":
            torch.cuda.set_device(self.device)

    def synchronize(self):
        if self.kind == "cuda":
            torch.cuda.synchronize()

    def describe(self):
        if self.kind == "cuda":
            return {"name": "gpu", "chip": torch.cuda.get_device_name(self.device),
                    "chips": torch.cuda.device_count()}
        return {"name": "cpu", "chip": "a processor that stands in for a GPU in tests",
                "chips": os.cpu_count()}

    def software(self):
        text = f"PyTorch {torch.__version__}"
        if self.kind == "cuda":
            text += (f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
                     f", driver {driver_version()}")
        return text


def driver_version():
    try:
        return subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True, text=True, check=True).stdout.split("\n")[0].strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


class Trainer:
    def __init__(self, args, chips, precision, group, count):
        self.chips, self.precision = chips, precision
        video = not args.model.startswith("resnet")
        layout = torch.channels_last_3d if video else torch.channels_last
        torch.manual_seed(1)
        self.net = MODELS[args.model]().train().to(chips.device, memory_format=layout)
        if count > 1:
            self.net = DistributedDataParallel(self.net, process_group=group)
        data, labels = random_batch(args.model, args.batch)
        self.data = [x.to(chips.device, memory_format=layout) for x in data]
        self.labels = None if labels is None else labels.to(chips.device)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-3, momentum=0.9)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        narrow = contextlib.nullcontext()
        if self.precision == "bf16":
            narrow = torch.autocast(self.chips.kind, dtype=torch.bfloat16)
        with narrow:
            out = self.net(*self.data)
        loss = loss_of(out.float(), self.data, self.labels)
        loss.backward()
        self.optimizer.step()
        return loss

    def seconds(self, steps):
        self.chips.synchronize()
        start = time.perf_counter()
        for _ in range(steps):
            loss = self.step()
        self.chips.synchronize()
        passed = time.perf_counter() - start
        if not torch.isfinite(loss):
            sys.exit("the loss is no longer finite: these times say nothing")
        return passed


def measure(args, chips, precision, count, group):
    """Seconds of a step, run by run."""
    trainer = Trainer(args, chips, precision, group, count)
    trainer.seconds(args.warmup)
    return [trainer.seconds(args.steps) / args.steps for _ in range(args.runs)]


def point_of(count, batch, times, first):
    # Runs of one chip and of several do not take turns here, so that an efficiency is of
    # medians; its least and its most are of the extremes.
    step, first_step = statistics.median(times), statistics.median(first)
    point = {"chips": count, "step_s": step, "samples_per_s": batch * count / step,
             "efficiency": first_step / step, "efficiency_min": first_step / step,
             "efficiency_max": first_step / step}
    if count > 1:
        point["efficiency_min"] = min(first) / max(times)
        point["efficiency_max"] = max(first) / min(times)
    else:
        point["efficiency_min"] = step / max(times)
        point["efficiency_max"] = step / min(times)
    return point


def counts_up_to(world):
    counts = [1]
    while 2 * counts[-1] < world:
        counts.append(2 * counts[-1])
    return counts if world == 1 else counts + [world]


def record_of(args, chips, precision, rank, world, groups):
    points, first = [], None
    for count in counts_up_to(world):
        times = measure(args, chips, precision, count, groups.get(count)) \
            if rank < count else None
        if world > 1:
            distributed.barrier(groups["all"])
        if rank == 0:
            first = first or times
            points.append(point_of(count, args.batch, times, first))
    return {"kind": "tatami.scaling", "version": 1, "mode": "measured", "scaling": "weak",
            "model": args.model, "machine": chips.describe(), "batch": args.batch,
            "precision": precision, "date": datetime.date.today().isoformat(),
            "software": chips.software(), "points": points}


def parse_flags():
    parser = argparse.ArgumentParser(
        description="Training steps a second on this computer's GPUs",
        epilog="Example: gpu_train.py --model resnet50 --batch 64 --out gpu.json")
    parser.add_argument("--model", choices=sorted(MODELS), default="resnet50")
    parser.add_argument("--batch", type=int, default=64, help="samples on each GPU")
    parser.add_argument("--precision", default="bf16,f32")
    parser.add_argument("--gpus", type=int, default=0, help="0: all")
    parser.add_argument("--steps", type=int, default=20, help="in a run")
    parser.add_argument("--warmup", type=int, default=5, help="steps before the first run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", required=True)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda",
                        help=argparse.SUPPRESS)
    return parser.parse_args()


def refuse_without_gpu():
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
    print(f"tatami: E0603: PyTorch {torch.__version__}, built with {built}, finds no GPU "
          "here. Run this on a computer with one and a PyTorch made for it "
          "(tools/bench/gpu_train.py needs only the files beside it); bring the records "
          "back with --out.", file=sys.stderr)
    sys.exit(EXIT_INFRASTRUCTURE)


def main():
    args = parse_flags()
    if args.device == "cuda" and not torch.cuda.is_available():
        refuse_without_gpu()
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    found = torch.cuda.device_count() if args.device == "cuda" else 1
    wanted = args.gpus or found
    if args.device == "cuda" and wanted > found:
        print(f"tatami: E0603: --gpus {wanted}, and there are {found}", file=sys.stderr)
        sys.exit(EXIT_INFRASTRUCTURE)
    if wanted > 1 and "WORLD_SIZE" not in os.environ:
        os.execv(sys.executable,
                 [sys.executable, "-m", "torch.distributed.run", "--standalone",
                  f"--nproc_per_node={wanted}", os.path.abspath(__file__), *sys.argv[1:]])
    chips = Chips(args.device, rank)
    groups = {}
    if world > 1:
        distributed.init_process_group("nccl" if args.device == "cuda" else "gloo")
        groups = {n: distributed.new_group(list(range(n))) for n in counts_up_to(world)}
        # Those that wait for others do so on their processor, not on their GPU.
        groups["all"] = distributed.new_group(backend="gloo")
    torch.backends.cudnn.benchmark = True
    records = [record_of(args, chips, precision, rank, world, groups)
               for precision in args.precision.split(",")]
    if rank == 0:
        with open(args.out, "w") as file:
            for record in records:
                file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
