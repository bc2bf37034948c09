"""An independent safetensors reader, from the format's description alone.

Prints one line a tensor of a checkpoint directory: name dtype shape values, sorted by
name. Uses the index when there is one, as importers do.
"""
import json
import os
import struct
import sys

import numpy as np


def read_file(path):
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8:8 + length])
    data = raw[8 + length:]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            assert all(isinstance(v, str) for v in entry.values())
            continue
        begin, end = entry["data_offsets"]
        part = data[begin:end]
        if entry["dtype"] == "BF16":
            wide = np.frombuffer(part, dtype="<u2").astype("<u4") << 16
            values = wide.view("<f4")
        else:
            values = np.frombuffer(part, dtype={"F32": "<f4", "I32": "<i4"}[entry["dtype"]])
        tensors[name] = (entry["dtype"], values.reshape(entry["shape"]))
    return tensors


def main(directory):
    index_path = os.path.join(directory, "model.safetensors.index.json")
    if os.path.exists(index_path):
        with open(index_path) as file:
            index = json.load(file)
        files = sorted(set(index["weight_map"].values()))
        tensors = {}
        for name in files:
            for tensor, value in read_file(os.path.join(directory, name)).items():
                assert index["weight_map"][tensor] == name
                tensors[tensor] = value
        total = sum(v.size * {"BF16": 2}.get(d, 4) for d, v in tensors.values())
        assert total == index["metadata"]["total_size"], (total, index["metadata"])
    else:
        tensors = read_file(os.path.join(directory, "model.safetensors"))
    for name in sorted(tensors):
        dtype, values = tensors[name]
        shape = ",".join(map(str, values.shape))
        print(name, dtype, f"[{shape}]", *(f"{float(v):.9g}" for v in values.ravel()))


main(sys.argv[1])
