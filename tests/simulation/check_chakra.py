"""Reads the Chakra traces that `tatami simulate --chakra` writes, strictly.

Usage: check_chakra.py TATAMI

Shares nothing with our reader: varints, wire types and field numbers of schema 0.0.4
are taken apart by hand, with the standard library alone. At the end it damages what it
read in ways that it must see.
"""

import json
import os
import subprocess
import sys
import tempfile

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
MEM_LOAD, COMP, COLL = 2, 4, 7
COLLECTIVES = {0: "all-reduce", 2: "all-gather", 7: "reduce-scatter"}

# Field: (name, wire type). Repeated integers may be packed or not.
METADATA = {1: ("version", LENGTH), 2: ("attr", LENGTH)}
NODE = {
    1: ("id", VARINT),
    2: ("name", LENGTH),
    3: ("type", VARINT),
    4: ("ctrl_deps", VARINT),
    5: ("data_deps", VARINT),
    6: ("start_time_micros", VARINT),
    7: ("duration_micros", VARINT),
    8: ("inputs", LENGTH),
    9: ("outputs", LENGTH),
    10: ("attr", LENGTH),
}
# Values by field: double, float, then signed, unsigned, zigzag and fixed of 32 and 64
# bits, bool, string, bytes; each is followed by its list.
SCALARS = {
    3: FIXED64, 5: FIXED32, 7: VARINT, 9: VARINT, 11: VARINT, 13: VARINT, 15: VARINT,
    17: VARINT, 19: FIXED32, 21: FIXED64, 23: FIXED32, 25: FIXED64, 27: VARINT,
    29: LENGTH, 31: LENGTH,
}
DOUBLE, INT64, UINT64, BOOL, BOOLS, STRING = 3, 9, 13, 27, 28, 29
# What each attribute must be where it stands.
KINDS = {
    "is_cpu_op": {BOOL},
    "num_ops": {INT64, UINT64},
    "tensor_size": {INT64, UINT64},
    "comm_type": {INT64},
    "comm_size": {INT64},
    "involved_dim": {BOOLS},
    "tatami.duration_ns": {DOUBLE},
    "tatami.superstep": {INT64},
    "tatami.phase": {STRING},
    "tatami.binding": {STRING},
}


class Fault(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Fault(what)


def varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        need(at < len(data), f"byte {at}: a varint is cut short")
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            need(value < 1 << 64, f"byte {at}: a varint above 64 bits")
            return value, at
    raise Fault(f"byte {at}: a varint of more than ten bytes")


def fields(data):
    """(field, wire type, value) of each field; varints as numbers, others as bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        field, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, at = varint(data, at)
        else:
            size = {FIXED64: 8, FIXED32: 4}.get(wire)
            if wire == LENGTH:
                size, at = varint(data, at)
            need(size is not None, f"byte {at}: no wire type {wire}")
            need(at + size <= len(data), f"byte {at}: a field goes past its message")
            value, at = data[at : at + size], at + size
        yield field, wire, value


def read_attribute(data):
    name, kind, value = None, None, None
    for field, wire, content in fields(data):
        if field == 1:
            need(wire == LENGTH, "an attribute's name is no string")
            name = content.decode()
        elif field == 2:
            need(wire == LENGTH, "a doc string is no string")
        else:
            need(3 <= field <= 32, f"an attribute has field {field}")
            want = SCALARS.get(field, LENGTH)
            need(wire == want, f"attribute field {field} has wire type {wire}")
            need(kind is None, f"attribute {name} has two values")
            kind, value = field, content
    need(name and kind, "an attribute without name or value")
    if kind == BOOLS:
        value = [v for _, _, packed in fields(value) for v in packed]
        need(all(v in (0, 1) for v in value), f"{name} is no list of bools")
    need(kind != BOOL or value in (0, 1), f"{name} is no bool")
    return name, kind, value


def read_message(data, schema, what):
    out = {name: [] for name, _ in schema.values()}
    for field, wire, value in fields(data):
        need(field in schema, f"{what} has field {field}")
        name, want = schema[field]
        if wire == LENGTH and name.endswith("deps"):
            at = 0
            while at < len(value):
                dep, at = varint(value, at)
                out[name].append(dep)
            continue
        need(wire == want, f"{what}: field {field} has wire type {wire}, not {want}")
        out[name].append(value)
    attributes = {}
    for content in out["attr"]:
        name, kind, value = read_attribute(content)
        need(name not in attributes, f"{what} has {name} twice")
        attributes[name] = (kind, value)
    out["attr"] = attributes
    return out


def read_trace(data):
    messages, at = [], 0
    while at < len(data):
        size, at = varint(data, at)
        need(at + size <= len(data), f"byte {at}: a message goes past the file")
        messages.append(data[at : at + size])
        at += size
    need(messages, "an empty file")
    metadata = read_message(messages[0], METADATA, "metadata")
    need(metadata["version"] == [b"0.0.4"], f"version {metadata['version']}")
    return [read_message(m, NODE, f"node {n}") for n, m in enumerate(messages[1:])]


def check_attributes(node, what):
    attributes = {name: value for name, (_, value) in node["attr"].items()}
    for name, (kind, _) in node["attr"].items():
        need(name in KINDS, f"{what} has an attribute {name}")
        need(kind in KINDS[name], f"{what}: {name} is of kind {kind}")
    need(attributes.get("is_cpu_op") == 0, f"{what} is not of the device")
    need("tatami.duration_ns" in attributes, f"{what} has no exact time")
    comm = {"comm_type", "comm_size", "involved_dim"} & attributes.keys()
    work = {"num_ops", "tensor_size"} & attributes.keys()
    if node["type"] == [COLL]:
        need(len(comm) == 3, f"{what}: a collective with {sorted(comm)} alone")
        need(not work, f"{what}: a collective that computes")
        need(attributes["comm_type"] in COLLECTIVES, f"{what}: an unknown collective")
        need(0 < attributes["comm_size"] < 1 << 63, f"{what} moves nothing")
        need(len(attributes["involved_dim"]) == 2, f"{what}: not two dimensions")
        need(any(attributes["involved_dim"]), f"{what} involves nobody")
        return
    need(not comm, f"{what} is no collective and has {sorted(comm)}")
    need(node["type"] in ([COMP], [MEM_LOAD]), f"{what} has type {node['type']}")
    need(attributes.get("tensor_size", 0) > 0, f"{what} has no tensor_size")
    if node["type"] == [COMP]:
        need(attributes.get("num_ops", 0) > 0, f"{what} has no num_ops")


def check_trace(nodes):
    need(nodes, "a trace without nodes")
    deps = {}
    for n, node in enumerate(nodes):
        what = f"node {n}"
        for name in ("id", "name", "type", "start_time_micros", "duration_micros"):
            need(len(node[name]) == 1, f"{what} has {len(node[name])} of {name}")
        need(node["name"][0].decode(), f"{what} has no name")
        need(node["duration_micros"][0] > 0, f"{what} lasts 0 us")
        need(node["id"][0] not in deps, f"{what} has an id that another has")
        deps[node["id"][0]] = set(node["ctrl_deps"] + node["data_deps"])
        check_attributes(node, what)
    need(all(d in deps for ds in deps.values() for d in ds), "a dependency on no node")
    done = set()
    while len(done) < len(deps):
        ready = {i for i, ds in deps.items() if i not in done and ds <= done}
        need(ready, "dependencies in a circle")
        done |= ready


def check_folder(folder):
    """The traces' nodes by file, after all checks."""
    with open(os.path.join(folder, "ranks.json"), encoding="utf-8") as file:
        ranks = json.load(file)
    nodes = ranks["rows"] * ranks["cols"]
    owner = [0] * nodes
    for trace in ranks["traces"]:
        for first, last in trace["ranks"]:
            for rank in range(first, last + 1):
                owner[rank] += 1
    need(owner == [1] * nodes, "a rank without a trace of its own")
    files = sorted(trace["file"] for trace in ranks["traces"])
    there = sorted(name for name in os.listdir(folder) if name.endswith(".et"))
    need(files == there, f"ranks.json names {files}, the folder has {there}")
    traces = {}
    collectives = None
    for name in files:
        with open(os.path.join(folder, name), "rb") as file:
            traces[name] = read_trace(file.read())
        check_trace(traces[name])
        # Ranks meet in collectives, so all traces have them alike.
        mine = [n["attr"] for n in traces[name] if n["type"] == [COLL]]
        need(collectives in (None, mine), f"{name} has other collectives")
        collectives = mine
    return traces


def check_checks(nodes, data):
    """Every fault put in must be seen, so that no check above is empty."""
    comp = next(n for n, node in enumerate(nodes) if node["type"] == [COMP])
    coll = next(n for n, node in enumerate(nodes) if node["type"] == [COLL])

    def changed(at, change):
        copy = [dict(node, attr=dict(node["attr"])) for node in nodes]
        change(copy[at])
        return lambda: check_trace(copy)

    def set_attribute(name, value):
        return lambda node: node["attr"].update({name: value})

    ids = [node["id"][0] for node in nodes]
    start = b"\x07\x0a\x050.0.4"  # metadata, before one node
    faults = {
        "an id twice": changed(comp, lambda n: n.update(id=[ids[comp - 1]])),
        "a dependency on none": changed(comp, lambda n: n.update(ctrl_deps=[1 << 40])),
        "a circle": changed(0, lambda n: n.update(ctrl_deps=[ids[-1]])),
        "no bytes": changed(comp, set_attribute("tensor_size", (UINT64, 0))),
        "no operations": changed(comp, set_attribute("num_ops", (UINT64, 0))),
        "of the host": changed(comp, set_attribute("is_cpu_op", (BOOL, 1))),
        "comm_size alone": changed(coll, lambda n: n["attr"].pop("comm_type")),
        "comm_size of a compute": changed(comp, set_attribute("comm_size", (INT64, 4))),
        "a kind": changed(comp, set_attribute("num_ops", (DOUBLE, 4))),
        "0 us": changed(comp, lambda n: n.update(duration_micros=[0])),
        "cut short": lambda: check_trace(read_trace(data[:-1])),
        "a version": lambda: read_trace(data.replace(b"0.0.4", b"0.0.5", 1)),
        # Field 1 of the first node, id, as a string.
        "a wire type": lambda: read_trace(start + b"\x02\x0a\x00"),
        "a field": lambda: read_trace(start + b"\x02\x60\x00"),
    }
    for name, look in faults.items():
        try:
            look()
        except Fault:
            continue
        raise Fault(f"the check does not see: {name}")


def main(tatami):
    kinds = set()
    for model, mesh in (("drivenet-tiny", "2x3"), ("resnet-tiny", "2x3"),
                        ("drivenet-tiny", "4x4")):
        with tempfile.TemporaryDirectory() as folder:
            command = [tatami, "simulate", "--model", model, "--machine", "d1_die",
                       "--mesh", mesh, "--chakra", folder]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            traces = check_folder(folder)
            for nodes in traces.values():
                collectives = [n for n in nodes if n["type"] == [COLL]]
                kinds |= {n["attr"]["comm_type"][1] for n in collectives}
            name = sorted(traces)[0]
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
        sizes = [len(nodes) for nodes in traces.values()]
        print(f"{model} {mesh}: {len(traces)} traces of {sizes[0]} nodes")
        check_checks(traces[name], data)
    need(kinds == set(COLLECTIVES), f"the traces have only collectives {kinds}")


if __name__ == "__main__":
    main(sys.argv[1])
