"""Runs PyTorch's operators beside our kernels, one call after the other, on request.

  pytorch_kernels.py

Reads lines, each one JSON object, and answers each with one:
  {"op", "attrs", "in": [{"dtype", "dims"}], "folder"} draws inputs, writes them to the
    folder as in0, in1.. (raw, our order), with the result of each memory format as out0,
    out1.. and, where errors grow with the terms of a sum, the sum of their sizes (f32) as
    magnitude. Answer: {"formats": [..], "magnitude": true, "more": ".."}, or {"none": why}.
  {"format": 0, "seconds": 0.05} runs the call for at least so long.
    Answer: {"seconds": of one call, "calls": how many}.
"""
import json
import sys
import time

import torch

from pytorch_ops import OPS, channels_first, channels_last

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "i32": torch.int32}


def save(t, path):
    t = t.detach().contiguous()
    t = t.view(torch.int16) if t.dtype == torch.bfloat16 else t
    t.numpy().tofile(path)


class Call:
    def __init__(self, request):
        self.op, self.attrs = OPS[request["op"]], request["attrs"]
        torch.manual_seed(1)
        drawn = [(2 * torch.rand(t["dims"]) - 1).to(DTYPES[t["dtype"]])
                 for t in request["in"]]
        ours = [channels_first(t) if i in self.op.view else t
                for i, t in enumerate(drawn)]
        if self.op.derive:
            self.op.derive(ours, self.attrs)
        self.formats = {"contiguous": [t.contiguous() for t in ours]}
        if self.op.view:
            last = {4: torch.channels_last, 5: torch.channels_last_3d}
            rank = ours[self.op.view[0]].dim()
            if rank in last:
                self.formats["channels_last"] = [
                    t.contiguous(memory_format=last[rank]) if t.dim() == rank else t
                    for t in ours]
        folder = request["folder"]
        for i, t in enumerate(drawn):
            save(t, f"{folder}/in{i}")
        if self.op.magnitude:
            save(self.back(self.op.magnitude([t.float() for t in ours], self.attrs)),
                 f"{folder}/magnitude")
        for i, x in enumerate(self.formats.values()):
            save(self.back(self.op.run(x, self.attrs)), f"{folder}/out{i}")

    def back(self, y):
        return channels_last(y) if self.op.back else y

    def time(self, number, seconds):
        x = list(self.formats.values())[number]
        calls, start = 0, time.perf_counter()
        while True:
            self.op.run(x, self.attrs)
            calls += 1
            passed = time.perf_counter() - start
            if passed >= seconds:
                return {"seconds": passed / calls, "calls": calls}


def opened(request):
    if request["op"] not in OPS:
        return None, {"none": "PyTorch has no operator for it"}
    try:
        call = Call(request)
    except (NotImplementedError, RuntimeError) as error:
        return None, {"none": f"PyTorch refuses it: {str(error).splitlines()[0]}"}
    return call, {"formats": list(call.formats), "more": call.op.more,
                  "magnitude": call.op.magnitude is not None}


def main():
    torch.set_num_threads(1)
    call = None
    with torch.no_grad():
        for line in sys.stdin:
            request = json.loads(line)
            if "op" in request:
                call, answer = opened(request)
            else:
                answer = call.time(request["format"], request["seconds"])
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
