#!/usr/bin/env python3
"""PSNR of the nearest-shown-frame baseline, computed without any of Tatami's code.

Decodes a video with the ffmpeg command, draws the held-out masks with its own Philox
and fills hidden patches with numpy. hidden_patches.h and clip_dataset.h state the
rules.
The number it prints is the one that clip_dataset_test.cc expects:

    /usr/bin/python3 runtime/ingest/fill_psnr_reference.py \
        data/udacity_highway/clip_d_open_highway.mp4 --stored 1280x720
"""
import argparse
import os
import subprocess

import numpy as np

HEIGHT, WIDTH, PATCH, FRAMES, STRIDE, SHARE = 64, 112, 8, 4, 4, 0.75


def philox_bits(seed, stream, index):
    """Upper 64 bits of Philox4x32-10 for an array of counters."""
    mask = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    index = np.asarray(index, np.uint64)
    c = [index & mask, index >> shift,
         np.full_like(index, stream & 0xFFFFFFFF), np.full_like(index, stream >> 32)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0 = np.uint64(0xD2511F53) * c[0]
        p1 = np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> shift) ^ c[1] ^ np.uint64(k0), p1 & mask,
             (p0 >> shift) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return (c[0] << shift) | c[1]


def fnv1a(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def decode(path, stored):
    width, height = map(int, stored.split("x"))
    crop_width = min(width, round(height * WIDTH / HEIGHT))
    crop_height = min(height, round(width * HEIGHT / WIDTH))
    left, top = (width - crop_width) // 2 & ~1, (height - crop_height) // 2 & ~1
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-flags", "bitexact", "-idct", "simple", "-i", path,
         "-vf", f"crop={crop_width}:{crop_height}:{left}:{top},"
         f"scale={WIDTH}:{HEIGHT}:flags=area+accurate_rnd+bitexact",
         "-vsync", "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"],
        check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video")
    parser.add_argument("--stored", required=True, help="WIDTHxHEIGHT of the file")
    args = parser.parse_args()
    video = decode(args.video, args.stored) / 255.0
    rows, columns = HEIGHT // PATCH, WIDTH // PATCH
    patches = rows * columns
    hidden_count = round(patches * SHARE)
    stream = fnv1a("ingest.mask.held_out." + os.path.basename(args.video))
    total, count, clips = 0.0, 0, 0
    for start in range(0, len(video) - FRAMES + 1, STRIDE):
        truth = video[start:start + FRAMES]
        truth = truth.reshape(FRAMES, rows, PATCH, columns, PATCH, 3)
        truth = truth.transpose(0, 1, 3, 2, 4, 5).reshape(FRAMES, patches, -1, 3)
        hidden = np.zeros((FRAMES, patches), bool)
        for t in range(FRAMES):
            first = (start * FRAMES + t) * patches
            bits = philox_bits(0, stream, first + np.arange(patches))
            hidden[t, np.argsort(bits, kind="stable")[:hidden_count]] = True
        for t in range(FRAMES):
            mean = truth[t, ~hidden[t]].reshape(-1, 3).mean(axis=0)
            others = [f for f in range(FRAMES) if f != t]
            order = sorted(others, key=lambda f: (abs(f - t), f))
            for p in np.flatnonzero(hidden[t]):
                shown = [f for f in order if not hidden[f, p]]
                guess = truth[shown[0], p] if shown else mean
                total += ((guess - truth[t, p]) ** 2).sum()
                count += truth[t, p].size
        clips += 1
    print(f"{len(video)} frames, {clips} clips, {count} hidden values, "
          f"{10 * np.log10(count / total):.6f} dB")


if __name__ == "__main__":
    main()
