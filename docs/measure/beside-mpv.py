#!/usr/bin/env python3
"""Tricine and mpv play the same 1080p30 H.264 + AAC clip, in turns, full screen on one X server without a card.

    docs/measure/beside-mpv.py [--tricine target/release/tricine] [--rounds 4] [--seconds 15] [--noise 0]

Needs ffmpeg, mpv, Xvfb. Nothing but the A/V offset is taken from what the players say of themselves:

processor   user + system of the player and of all that it started, by wait4; the X server's own beside it
memory      Pss of all its processes (shared pages counted once), the median while it plays
first frame from exec until the film's first picture stands in the X server's memory
dropped     the film's frames carry their number as a bar code, which is read from the X server's memory a thousand times
            a second: numbers that never came, the film's last frame aside
late        when a frame came, against the even raster that fits its run best (95th percentile)
A/V offset  tricine: 95th percentile of its report; mpv: of its `avsync` property, printed with each status line
"""

import argparse
import contextlib
import json
import mmap
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

WIDTH, HEIGHT, RATE = 1920, 1080, 30
BITS, CELL, TOP = 10, 64, 32  # The bar code: cells of this size at the top left, the lowest bit first.


def make_clip(path, seconds, noise):
    cells = [f"drawbox=x=0:y=0:w={(BITS + 2) * CELL}:h={2 * TOP}:color=black:t=fill"]
    for bit in range(BITS):
        cells.append(f"drawbox=x={bit * CELL}:y=0:w={CELL}:h={2 * TOP}:color=white:t=fill:enable='gte(mod(n,{2 << bit}),{1 << bit})'")
    # Always white: without it, there is no picture.
    cells.append(f"drawbox=x={BITS * CELL}:y=0:w={CELL}:h={2 * TOP}:color=white:t=fill")
    grain = [f"noise=alls={noise}:allf=t"] if noise else []
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE}:duration={seconds}",
         "-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}", "-vf", ",".join(grain + cells),
         "-c:v", "libx264", "-preset", "medium", "-profile:v", "high", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k", path],
        check=True)


def processes_below(root):
    """The process and its descendants, those in sessions of their own included."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


def pss_mib(root):
    total = 0
    for pid in processes_below(root):
        with contextlib.suppress(OSError, AttributeError):
            total += int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
    return total / 1024


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Screen:
    """An X server whose picture is a file, and the bar code in it."""

    def __init__(self, folder):
        reader, writer = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", folder, "-nolisten", "tcp"],
            pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as said:
            self.display = ":" + said.readline().strip()
        with open(os.path.join(folder, "Xvfb_screen0"), "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        # An XWD file: big-endian words, the header's size first, the line's size in bytes thirteenth, colours twentieth.
        word = lambda n: int.from_bytes(self.map[4 * n:4 * n + 4], "big")
        start, line = word(0) + 12 * word(19), word(12)
        self.at = [start + TOP * line + 4 * (CELL * cell + CELL // 2) for cell in range(BITS + 1)]

    def number(self):
        """The number of the frame that is seen; None if there is none."""
        bits = [self.map[at + 1] > 128 for at in self.at]
        return sum(bit << n for n, bit in enumerate(bits[:BITS])) if bits[BITS] else None

    def close(self):
        self.server.terminate()
        self.server.wait()


def watch(screen, seen, stop):
    while not stop.is_set():
        number = screen.number()
        if number is not None and number not in seen:
            seen[number] = time.monotonic()
        time.sleep(0.001)


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))] if values else float("nan")


def play(screen, command, frames, offset):
    environment = {**os.environ, "DISPLAY": screen.display}
    environment.pop("WAYLAND_DISPLAY", None)
    seen, stop, memory = {}, threading.Event(), []
    watcher = threading.Thread(target=watch, args=(screen, seen, stop))
    server_before = cpu_s(screen.server.pid)
    watcher.start()
    begun = time.monotonic()
    with tempfile.TemporaryFile() as said:
        player = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        while True:
            pid, status, used = os.wait4(player.pid, os.WNOHANG)
            if pid:
                break
            if len(seen) > RATE:
                memory.append(pss_mib(player.pid))
            time.sleep(0.5)
        player.returncode = os.waitstatus_to_exitcode(status)
        stop.set()
        watcher.join()
        said.seek(0)
        said = said.read().decode(errors="replace")
    if player.returncode != 0 or not seen:
        sys.exit(f"{command[0]}: exit code {player.returncode}, {len(seen)} frames seen\n{said[-2000:]}")
    # Two frames that change within one look, or half of one at the moment of the look, are seen as what they are not: numbers
    # beyond the film are none of it.
    numbers = sorted(n for n in seen if n < frames)
    offsets = [seen[n] - n / RATE for n in numbers]
    even = statistics.median(offsets)
    return {
        "processor, s": used.ru_utime + used.ru_stime,
        "X server's, s": cpu_s(screen.server.pid) - server_before,
        "memory, MiB": statistics.median(memory),
        "first frame, ms": 1000 * (min(seen.values()) - begun),
        "dropped": len(set(range(frames - 1)) - seen.keys()),
        "late, p95, ms": 1000 * percentile([abs(o - even) for o in offsets], 95),
        "A/V offset, p95, ms": offset(said),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tricine", default="target/release/tricine")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--noise", type=int, default=0, help="grain, for a clip that is hard to decode: 12, say")
    options = parser.parse_args()
    for tool in ("ffmpeg", "mpv", "Xvfb"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is needed; Debian: apt-get install ffmpeg mpv xvfb")
    with tempfile.TemporaryDirectory() as folder:
        clip, report = os.path.join(folder, "clip.mp4"), os.path.join(folder, "report.json")
        make_clip(clip, options.seconds, options.noise)
        tricine = [os.path.abspath(options.tricine), "--display", "window", "--audio", "null", "--fullscreen", "-q", "--report", report, clip]
        mpv = ["mpv", "--no-config", "--vo=x11", "--hwdec=no", "--ao=null", "--fs", "--osc=no", "--msg-level=all=error,statusline=status",
               "--term-status-msg=avsync ${=avsync}", clip]
        tricine_offset = lambda said: json.loads(pathlib.Path(report).read_text())["av_offset_ms"]["p95"]
        mpv_offset = lambda said: 1000 * percentile([abs(float(v)) for v in re.findall(r"avsync (-?[0-9.]+)", said)], 95)
        screen = Screen(folder)
        results = {"tricine": [], "mpv": []}
        try:
            for turn in range(options.rounds):
                for name, command, offset in (("tricine", tricine, tricine_offset), ("mpv", mpv, mpv_offset)):
                    print(f"round {turn + 1} of {options.rounds}: {name}", file=sys.stderr)
                    results[name].append(play(screen, command, options.seconds * RATE, offset))
        finally:
            screen.close()
    print(f"{options.seconds} s, {options.rounds} rounds, medians (least–most)\n")
    print("| | tricine | mpv | tricine / mpv |\n|---|---|---|---|")
    for figure in results["mpv"][0]:
        cells, medians = [], []
        for name in ("tricine", "mpv"):
            values = [result[figure] for result in results[name]]
            medians.append(statistics.median(values))
            cells.append(f"{medians[-1]:.4g} ({min(values):.4g}–{max(values):.4g})")
        ratio = f"{medians[0] / medians[1]:.2f}" if medians[1] else "–"
        print(f"| {figure} | {cells[0]} | {cells[1]} | {ratio} |")


if __name__ == "__main__":
    main()
