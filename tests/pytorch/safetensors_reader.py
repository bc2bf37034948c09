"""A safetensors reader from the format's description alone, with numpy only."""
import json
import struct

import numpy as np

DTYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}


def read_safetensors(path):
    """{name: array}. Fails on lengths, shapes and offsets that do not agree."""
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8:8 + length])
    data = raw[8 + length:]
    header.pop("__metadata__", None)
    tensors, used = {}, 0
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[begin:end], dtype=DTYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
        used += end - begin
    assert used == len(data), f"{path}: {len(data)} bytes of data, {used} claimed"
    return tensors
