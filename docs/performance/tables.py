#!/usr/bin/env python3
"""Makes the tables of docs/performance.md from the reports that measure.sh wrote: tables.py FOLDER"""
import json, pathlib, sys

folder = pathlib.Path(sys.argv[1])


def load(name):
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def rows(name):
    report = load(name)
    return {r["label"]: r for r in report["runs"]} if report else {}


def best(row):
    """The best repetition: a neighbour only ever takes away."""
    return max(row["fps_each"])


def median(row):
    each = sorted(row["fps_each"])
    return (each[(len(each) - 1) // 2] + each[len(each) // 2]) / 2


def number(value, digits=3):
    return "–" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.{digits}g}"


def table(head, lines):
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for line in lines:
        print("| " + " | ".join(str(cell) for cell in line) + " |")
    print()


def paired(a, b):
    """The median of the ratios of repetitions that were done side by side."""
    ratios = sorted(x / y for x, y in zip(a["fps_each"], b["fps_each"]) if y)
    return ratios[len(ratios) // 2] if ratios else None


machine = load("hand-over")["machine"]
trips = [t for name in ("hand-over", "copy-1080p-i420", "sweep") for t in load(name)["machine"]["round_trip_ns"]]
print(f"Machine: {machine['processor']}, {machine['cores']} cores, cache {machine['cache']}, Linux {machine['kernel']}, "
      f"shared memory's huge pages: {machine['shmem_huge']}; core to core and back, in the course of it: "
      + ", ".join(f"{t:.0f}" for t in trips if t) + " ns.\n")

print("### Hand-over alone\n")
hand, sleeping = rows("hand-over"), rows("sleeping")


def hand_over(found, against):
    shm = found["shm semaphore"]
    lines = []
    for label, r in sorted(found.items(), key=lambda item: -median(item[1])):
        l, cpu, sw = r["latency_ns"], r["cpu_ns_per_frame"], r["switches_per_frame"]
        lines.append([label, number(1e9 / median(r)), number(1e9 / best(r)), number(l["p50"]), number(l["p99"]),
                      number(cpu["producer"] + cpu["consumer"]), f"{sw['voluntary'] + sw['involuntary']:.3f}",
                      "–" if r["syscalls_per_frame"] is None else f"{r['syscalls_per_frame']:.3f}", number(paired(shm, r))])
    table(["transport", "ns a frame, median", "best", "p50 ns", "p99 ns", "cpu ns", "switches", "calls", against], lines)


hand_over(hand, "shm is × as fast")
print("With `--spin 0`, where a side sleeps as soon as it has to wait:\n")
hand_over(sleeping, "shm is × as fast")

adaptive = [median(rows(f"one-core-adaptive-{n}")["shm semaphore"]) for n in (1, 2, 3)]
blocking = [median(rows(f"one-core-blocking-{n}")["shm semaphore"]) for n in (1, 2, 3)]
print(f"Both sides on one core: {number(sorted(adaptive)[1])} frames/s as it comes, {number(sorted(blocking)[1])} with "
      f"`--spin 0`: × {sorted(a / b for a, b in zip(adaptive, blocking))[1]:.2f}.\n")

print("### At 60 frames a second\n")
lines = []
for name in ("pace-expect", "pace"):
    for label, r in rows(name).items():
        l, cpu = r["latency_ns"], r["cpu_ns_per_frame"]
        lines.append([label + (", expecting" if r["expect"] else ""), f"{l['p50'] / 1e3:.1f}", f"{l['p99'] / 1e3:.1f}", f"{l['max'] / 1e3:.0f}",
                      f"{cpu['producer'] * 60 / 1e7:.2f} + {cpu['consumer'] * 60 / 1e7:.2f}", number(r["syscalls_per_frame"])])
table(["transport", "p50 µs", "p99 µs", "max µs", "% of a core, producer + consumer", "calls a frame"], lines)

print("### Whole frames, copied in and read\n")
lines = []
for name, title in (("copy-1080p-i420", "1080p I420"), ("copy-1080p-xrgb", "1080p XRGB"), ("copy-4k-i420", "4K I420")):
    report = load(name)
    c = report["ceilings"][0]
    limit = max(c["memcpy"], c["streaming"])
    for r in report["runs"]:
        rate = median(r) * r["bytes"]
        lines.append([title, r["label"], number(median(r)), f"{rate / 1e9:.1f}", f"{rate / c['memcpy']:.2f}",
                      f"{rate / limit:.2f}", f"{c['memcpy'] / 1e9:.1f} / {c['streaming'] / 1e9:.1f} / {c['read'] / 1e9:.1f}"])
table(["frame", "transport", "frames/s", "GB/s", "of memcpy", "of the better copy", "limits: memcpy / streaming / read"], lines)

print("### By frame size\n")
report = load("sweep")
labels = sorted({r["label"] for r in report["runs"]})
limits = {c["bytes"]: max(c["memcpy"], c["streaming"]) for c in report["ceilings"]}
lines = []
for size in sorted(limits):
    found = {r["label"]: r for r in report["runs"] if r["bytes"] == size}
    lines.append([f"{size:,}", *(f"{number(median(found[l]))} ({median(found[l]) * size / 1e9:.3g} GB/s)" for l in labels),
                  f"{limits[size] / 1e9:.1f}"])
table(["bytes", *labels, "one core's copy, GB/s"], lines)

print("### Sessions side by side, 1080p at 60 frames a second each\n")
lines = []
for sessions in (1, 2, 4, 8):
    for r in rows(f"sessions-{sessions}").values():
        l, cpu = r["latency_ns"], r["cpu_ns_per_frame"]
        lines.append([sessions, f"{median(r):.0f}", f"{l['p50'] / 1e3:.0f}", f"{l['p99'] / 1e3:.0f}",
                      f"{cpu['producer'] / 1e3:.0f} + {cpu['consumer'] / 1e3:.0f}"])
table(["sessions", "frames/s in all", "p50 µs", "p99 µs", "cpu µs a frame"], lines)

one, many = (next(iter(rows(f"frames-{n}").values())) for n in (1, 2))
print(f"Frames: {1e9 / median(one):.0f} ns each of {one['received']:,}, {1e9 / median(many):.0f} ns each of {many['received']:,}.\n")

print("### The player\n")
counts = {}
for seconds in (5, 15):
    path = folder / f"calls-{seconds}.csv"
    text = path.read_text() if path.exists() else ""
    found = [line.split(",")[0] for line in text.splitlines() if "sys_enter" in line]
    play = load(f"play-{seconds}")
    if found and found[0].isdigit() and play:
        counts[seconds] = (int(found[0]), play["video"]["presented"])
if len(counts) == 2:
    calls, frames = (counts[15][i] - counts[5][i] for i in (0, 1))
    print(f"System calls of all its processes at 1080p60 without a display: {calls / frames:.1f} a frame ({calls} in {frames} frames).")
before, after = ([line.split() for line in (folder / f"paused-{when}.txt").read_text().splitlines()] for when in ("before", "after"))
woke = ", ".join(f"{a[0]} {(int(a[2]) - int(b[2])) / 5:.1f}" for a, b in zip(after, before))
print(f"Context switches a second while paused: {woke}.")
