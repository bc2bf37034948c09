"""An independent TensorBoard event reader, from the TFRecord and protobuf wire formats.

Verifies both checksums of each record, decodes it with a generic wire-format parser, and
prints one line an event: wall_time step file_version=... | tag=value ...
"""
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 1:
            (value,) = struct.unpack_from("<d", data, at)
            at += 8
        elif wire == 2:
            length, at = varint(data, at)
            value = data[at:at + length]
            assert len(value) == length
            at += length
        elif wire == 5:
            (value,) = struct.unpack_from("<f", data, at)
            at += 4
        else:
            raise ValueError(f"wire type {wire}")
        yield number, value


assert crc32c(b"123456789") == 0xE3069283  # the published check value of CRC-32C
with open(sys.argv[1], "rb") as file:
    raw = file.read()
at = 0
while at < len(raw):
    (length,) = struct.unpack_from("<Q", raw, at)
    assert struct.unpack_from("<I", raw, at + 8)[0] == masked(raw[at:at + 8])
    payload = raw[at + 12:at + 12 + length]
    assert struct.unpack_from("<I", raw, at + 12 + length)[0] == masked(payload)
    at += 16 + length
    event = dict(fields(payload))
    parts = [repr(event[1]), str(event.get(2, 0))]
    if 3 in event:
        parts.append("file_version=" + event[3].decode())
    for _, value in fields(event.get(5, b"")):
        scalar = dict(fields(value))
        parts.append(f"{scalar[1].decode()}={scalar[2]:.9g}")
    print(*parts)
