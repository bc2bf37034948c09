"""One process of PyTorch's DistributedDataParallel over gloo, timed on request.

  pytorch_ddp.py MODEL BATCH THREADS RANK WORLD FILE

BATCH is this process's share. FILE is where the processes meet; it must not exist before
the first. Says "ready", then reads lines "FORMAT STEPS" as pytorch_step.py does and
answers each with the seconds that so many steps took here. All processes must be asked
the same.
"""
import sys
import time
import warnings
from datetime import timedelta

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from pytorch_step import FORMATS, Trainer


def main(model, batch, threads, rank, world, file):
    torch.set_num_threads(int(threads))
    world = int(world)
    # Of weights of 1x1 convolutions, which have two names for one layout.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view")
    if world > 1:
        distributed.init_process_group("gloo", init_method=f"file://{file}",
                                       rank=int(rank), world_size=world,
                                       timeout=timedelta(minutes=2))
    trainers = {}
    print("ready", flush=True)
    for line in sys.stdin:
        name, steps = line.split()
        if name not in trainers:
            torch.manual_seed(int(rank))  # each process has data of its own
            trainer = Trainer(model, int(batch), FORMATS[name](model), "f32")
            if world > 1:
                trainer.net = DistributedDataParallel(trainer.net)
            trainers[name] = trainer
        if world > 1:
            distributed.barrier()
        start = time.perf_counter()
        for _ in range(int(steps)):
            trainers[name].step()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
