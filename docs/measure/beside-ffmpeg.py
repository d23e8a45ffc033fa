#!/usr/bin/env python3
"""Tricine and FFmpeg decode the same 1080p and 4K clips as fast as they can, alternately. Writes a table in Markdown.

    docs/measure/beside-ffmpeg.py [--tricine target/release/tricine] [--rounds 3] [--seconds 4] [--only REGEX]

Needs ffmpeg with the usual encoders, and a machine that has nothing else to do. Pictures per second are those of the whole program, from
its start to its end: `tricine --unpaced --display none --audio none` on one processor and on two, `ffmpeg -threads 1 -f null -` on one. The
best of the rounds counts.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

FLAT = "testsrc2=size={size}:rate={rate}"
NOISY = FLAT + ",noise=alls=20:allf=t"
HD, UHD = "1920x1080", "3840x2160"
X264 = "-c:v libx264 -preset medium -crf 23"
# What, the picture, its size and rate, how it is encoded, the container.
CLIPS = [
    ("H.264, flat", FLAT, HD, 25, f"-pix_fmt yuv420p {X264}", "mp4"),
    ("H.264, noisy", NOISY, HD, 25, f"-pix_fmt yuv420p {X264}", "mp4"),
    ("H.264 10 bit, noisy", NOISY, HD, 25, f"-pix_fmt yuv420p10le {X264}", "mp4"),
    ("H.264 interlaced, noisy", NOISY, HD, 25, f"-pix_fmt yuv420p {X264} -flags +ilme+ildct -x264-params tff=1", "mp4"),
    ("HEVC, flat", FLAT, HD, 25, "-pix_fmt yuv420p -c:v libx265 -preset fast -x265-params log-level=error", "mp4"),
    ("HEVC 10 bit, noisy", NOISY, HD, 25, "-pix_fmt yuv420p10le -c:v libx265 -preset superfast -x265-params log-level=error", "mp4"),
    ("AV1, noisy", NOISY, HD, 25, "-pix_fmt yuv420p -c:v libsvtav1 -preset 10 -crf 35", "mkv"),
    ("AV1 10 bit, noisy", NOISY, HD, 25, "-pix_fmt yuv420p10le -c:v libsvtav1 -preset 10 -crf 35", "mkv"),
    ("VP9, noisy", NOISY, HD, 25, "-pix_fmt yuv420p -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 8M", "webm"),
    ("MPEG-2, noisy", NOISY, HD, 25, "-pix_fmt yuv420p -c:v mpeg2video -q:v 4 -bf 2", "mkv"),
    ("MPEG-4 part 2, noisy", NOISY, HD, 25, "-pix_fmt yuv420p -c:v mpeg4 -q:v 4 -bf 2", "avi"),
    ("Theora, flat", FLAT, HD, 25, "-pix_fmt yuv420p -c:v libtheora -q:v 7", "ogv"),
    ("H.264 4K60 of a telephone", NOISY, UHD, 60, "-pix_fmt yuv420p -c:v libx264 -preset superfast -b:v 60M", "mp4"),
    ("AV1 4K60 10 bit of a telephone", FLAT, UHD, 60, "-pix_fmt yuv420p10le -c:v libsvtav1 -preset 12 -b:v 40M", "mp4"),
]


def make(folder, number, clip, seconds):
    _, picture, size, rate, options, container = clip
    path = folder / f"{number}.{container}"
    source = picture.format(size=size, rate=rate)
    seconds = min(seconds, 2) if size == UHD else seconds
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-t", str(seconds), *options.split(), str(path)]
    subprocess.run(command, check=True, env=os.environ | {"SVT_LOG": "1"})
    return path, int(rate * seconds)


def on(processors, command):
    return ["taskset", "-c", processors, *command]


def ours(program, processors, path, frames):
    report = path.with_suffix(".json")
    play = [program, "-q", "--unpaced", "--display", "none", "--audio", "none", "--report", str(report), str(path)]
    begun = time.monotonic()
    subprocess.run(on(processors, play), check=True)
    took = time.monotonic() - begun
    shown = json.loads(report.read_text())["video"]["presented"]
    assert shown == frames, f"{path}: {shown} of {frames} pictures"
    return frames / took


def theirs(path, frames):
    begun = time.monotonic()
    subprocess.run(on("0", ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-i", str(path), "-f", "null", "-"]), check=True)
    return frames / (time.monotonic() - begun)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tricine", default="target/release/tricine")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print("| clip | of its pace, two processors | pictures/s: one | two | FFmpeg, one thread | one / FFmpeg | two / FFmpeg |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for number, clip in enumerate(CLIPS):
            if not re.search(options.only, clip[0]):
                continue
            path, frames = make(pathlib.Path(folder), number, clip, options.seconds)
            one = two = ffmpeg = 0.0
            for _ in range(options.rounds):
                one = max(one, ours(options.tricine, "0", path, frames))
                two = max(two, ours(options.tricine, "0,1", path, frames))
                ffmpeg = max(ffmpeg, theirs(path, frames))
            path.unlink()
            print(f"| {clip[0]} | {two / clip[3]:.2f} | {one:.0f} | {two:.0f} | {ffmpeg:.0f} | {one / ffmpeg:.2f} | {two / ffmpeg:.2f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
