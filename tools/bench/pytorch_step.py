"""Training steps in PyTorch eager on random data, timed on request.

  pytorch_step.py MODEL BATCH THREADS PRECISION

Reads lines "FORMAT STEPS" (contiguous or channels_last), answers each with the seconds
and the processor seconds that so many steps took: forward, loss, backward, SGD with momentum 0.9. Data and weights are made
once, before the first answer. PRECISION is f32, or bf16: forward and loss under CPU autocast.
"""
import sys
import time

import torch

from pytorch_models import MODELS, loss_of, random_batch

# Memory formats by name, for a model.
FORMATS = {
    "contiguous": lambda model: torch.contiguous_format,
    "channels_last": lambda model: (torch.channels_last if model.startswith("resnet")
                                    else torch.channels_last_3d),
}


class Trainer:
    def __init__(self, model, batch, memory_format, precision):
        self.narrow = precision == "bf16"
        self.net = MODELS[model]().train().to(memory_format=memory_format)
        data, self.labels = random_batch(model, batch)
        self.data = [x.to(memory_format=memory_format) for x in data]
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-3, momentum=0.9)

    def step(self):
        self.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.narrow):
            loss = loss_of(self.net(*self.data), self.data, self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def main(model, batch, threads, precision):
    torch.set_num_threads(int(threads))
    trainers = {}
    for line in sys.stdin:
        name, steps = line.split()
        if name not in trainers:
            trainers[name] = Trainer(model, int(batch), FORMATS[name](model), precision)
        start, start_cpu = time.perf_counter(), time.process_time()
        for _ in range(int(steps)):
            trainers[name].step()
        print(time.perf_counter() - start, time.process_time() - start_cpu, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
