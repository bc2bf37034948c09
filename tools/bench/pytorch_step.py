"""Training steps in PyTorch eager on random data, timed on request.

  pytorch_step.py MODEL BATCH THREADS

Reads lines "FORMAT STEPS" (contiguous or channels_last), answers each with the seconds
and the processor seconds that so many steps took: forward, loss, backward, SGD with momentum 0.9. Data and weights are made
once, before the first answer.
"""
import sys
import time

import torch
from torch.nn import functional as F

from pytorch_models import MODELS, fill_loss


class Trainer:
    def __init__(self, model, batch, memory_format):
        self.net = MODELS[model]().train().to(memory_format=memory_format)
        if model.startswith("resnet"):
            self.data = [torch.rand(batch, 3, 224, 224) - 0.5]
            self.labels = torch.randint(0, 1000, (batch,))
        else:
            size = (2, 16, 24) if model.endswith("tiny") else (4, 64, 112)
            self.data = [torch.rand(batch, 3, *size) - 0.5,
                         (torch.rand(batch, 1, *size) < 0.75).float()]
            self.labels = None
        self.data = [x.to(memory_format=memory_format) for x in self.data]
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-3, momentum=0.9)

    def step(self):
        self.optimizer.zero_grad()
        out = self.net(*self.data)
        if self.labels is None:
            loss = fill_loss(out, *self.data)
        else:
            loss = F.cross_entropy(out, self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def main(model, batch, threads):
    torch.set_num_threads(int(threads))
    video = not model.startswith("resnet")
    formats = {"contiguous": torch.contiguous_format,
               "channels_last": torch.channels_last_3d if video else torch.channels_last}
    trainers = {}
    for line in sys.stdin:
        name, steps = line.split()
        if name not in trainers:
            trainers[name] = Trainer(model, int(batch), formats[name])
        start, start_cpu = time.perf_counter(), time.process_time()
        for _ in range(int(steps)):
            trainers[name].step()
        print(time.perf_counter() - start, time.process_time() - start_cpu, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
