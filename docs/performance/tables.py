#!/usr/bin/env python3
"""Makes the tables of docs/performance.md from the reports that measure.sh wrote.

tables.py FOLDER prints them; tables.py FOLDER DOCUMENT puts each between its marks in the document.
"""
import contextlib, io, json, pathlib, re, statistics, sys

folder = pathlib.Path(sys.argv[1])
GB = 1e9
sections = {}


def load(name):
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def text(name):
    path = folder / name
    return path.read_text() if path.exists() else ""


def rows(name):
    report = load(name)
    return {r["label"]: r for r in report["runs"]} if report else {}


def one(name):
    return next(iter(rows(name).values()), None)


def median(row):
    return statistics.median(row["fps_each"])


def best(row):
    """The best repetition: a neighbour only ever takes away."""
    return max(row["fps_each"])


def paired(a, b):
    """The median of the ratios of repetitions that were done one after the other."""
    if not a or not b:
        return None
    return statistics.median(x / y for x, y in zip(a["fps_each"], b["fps_each"]))


def cpu(row):
    return sum(row["cpu_ns_per_frame"].values())


def switches(row):
    return sum(row["switches_per_frame"].values())


def number(value, digits=3):
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.{digits}g}"


def table(head, lines):
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for line in lines:
        print("| " + " | ".join(str(cell) for cell in line) + " |")
    print()


@contextlib.contextmanager
def section(name):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        yield
    sections[name] = out.getvalue().strip()


def size(count):
    names = {3_110_400: "1080p I420", 8_294_400: "1080p XRGB", 12_441_600: "4K I420", 49_766_400: "8K I420"}
    return names.get(count, f"{count:,} B" if count < 1024 else f"{count >> 10:,} KiB")


hand, sleeping, pace = rows("hand-over"), rows("sleeping"), rows("pace")
expected, pinned = rows("pace-expect"), rows("pace-pinned")
copies = {title: load(f"copy-{name}") for title, name in
          (("1080p I420", "1080p-i420"), ("1080p XRGB", "1080p-xrgb"), ("4K I420", "4k-i420"))}
SHM = "shm semaphore"
expecting = expected[SHM]


def copy_limit(c):
    """What one core copies at best, whichever way."""
    return max(c["memcpy"], c["streaming"], c["string"])

with section("machine"):
    machine = load("hand-over")["machine"]
    every = [load(path.stem) for path in sorted(folder.glob("*.json"))]
    trips = sorted(t for r in every for t in r.get("machine", {}).get("round_trip_ns", []) if t)
    print(f"{machine['processor']}, {machine['cores']} cores{' (virtual)' if machine['virtual_machine'] else ''}, "
          f"cache {machine['cache']}, {machine['memory'] / 2**30:.0f} GiB, Linux {machine['kernel']}, governor "
          f"{machine['governor'] or 'none'}, huge pages for shared memory: {machine['shmem_huge']}, load at the start "
          f"{machine['load']}, Tricine {load('hand-over')['version']}. Core to core and back, in the course of it: "
          f"{trips[0]:.0f} to {trips[-1]:.0f} ns, median {statistics.median(trips):.0f}.")


def hand_over(found):
    lines = []
    for label, r in sorted(found.items(), key=lambda item: -median(item[1])):
        latency = r["latency_ns"]
        lines.append([label, number(1e9 / median(r)), number(1e9 / best(r)), number(latency["p50"]), number(latency["p99"]),
                      number(cpu(r)), f"{switches(r):.3f}",
                      "–" if r["syscalls_per_frame"] is None else f"{r['syscalls_per_frame']:.3f}",
                      number(paired(found[SHM], r))])
    table(["transport", "ns a frame, median", "best", "p50 ns", "p99 ns", "cpu ns", "switches", "calls", "shm is × as fast"], lines)


with section("hand-over"):
    hand_over(hand)
with section("sleeping"):
    hand_over(sleeping)
one_core = [(median(one(f"one-core-adaptive-{n}")), median(one(f"one-core-blocking-{n}"))) for n in (1, 2, 3)]
one_core_ratio = statistics.median(a / b for a, b in one_core)
with section("one-core"):
    adaptive, blocking = (statistics.median(side) for side in zip(*one_core))
    print(f"Both sides on one core: {number(adaptive)} frames/s as it comes, {number(blocking)} with `--spin 0`, × {one_core_ratio:.2f}.")

with section("pace"):
    lines = []
    for r in [*expected.values(), *pinned.values(), *pace.values()]:
        latency, sides = r["latency_ns"], r["cpu_ns_per_frame"]
        lines.append([r["label"] + (" `--expect`" if r["expect"] else "") + (", pinned" if r["pin"] else ""),
                      *(f"{latency[p] / 1e3:.1f}" for p in ("p50", "p99", "max")),
                      *(f"{sides[s] * 60 / 1e7:.2f}" for s in ("producer", "consumer")), number(r["syscalls_per_frame"])])
    table(["transport", "p50 µs", "p99 µs", "max µs", "producer, % of a core", "consumer", "calls a frame"], lines)

with section("copy"):
    lines = []
    for title, report in copies.items():
        c = report["ceilings"][0]
        for r in sorted(report["runs"], key=lambda r: -median(r)):
            rate = median(r) * r["bytes"]
            lines.append([title, r["label"], number(median(r)), f"{rate / GB:.1f}", f"{rate / c['memcpy']:.2f}",
                          f"{rate / copy_limit(c):.2f}", f"{rate / c['pair']:.2f}" if c["pair"] else "–",
                          " / ".join(f"{c[k] / GB:.1f}" if c[k] else "–" for k in ("memcpy", "string", "streaming", "read", "pair"))])
    table(["frame", "transport", "frames/s", "GB/s", "of memcpy", "of the best copy", "of two cores",
           "limits, GB/s: memcpy / string / streaming / read / two cores"], lines)

sweep = load("sweep")
ceilings = {c["bytes"]: c for c in sweep["ceilings"]}
limits = {count: copy_limit(c) for count, c in ceilings.items()}
by_size = {(r["label"], r["bytes"]): r for r in sweep["runs"]}
with section("size"):
    labels = sorted({label for label, _ in by_size})
    lines = []
    for count in sorted(limits):
        cells = (by_size[label, count] for label in labels)
        lines.append([size(count), *(f"{number(median(r))} ({median(r) * count / GB:.3g})" for r in cells), f"{limits[count] / GB:.1f}"])
    table(["frame", *(f"{label}: frames/s (GB/s)" for label in labels), "one core's copy, GB/s"], lines)


def load_of(row):
    latency, sides = row["latency_ns"], row["cpu_ns_per_frame"]
    return [number(median(row)), f"{latency['p50'] / 1e3:.0f}", f"{latency['p99'] / 1e3:.0f}",
            f"{sides['producer'] / 1e3:.3g} + {sides['consumer'] / 1e3:.3g}"]


with section("rate"):
    table(["frames/s wanted", "had", "p50 µs", "p99 µs", "cpu µs a frame"],
          [[rate, *load_of(one(f"rate-{rate}"))] for rate in (30, 60, 240, 1000)])

SESSIONS = (1, 2, 4, 8)
with section("sessions"):
    table(["sessions", "frames/s in all", "p50 µs", "p99 µs", "cpu µs a frame", "hand-over alone: cpu µs a frame"],
          [[n, *load_of(one(f"sessions-{n}")), load_of(one(f"sessions-hand-over-{n}"))[3]] for n in SESSIONS])

with section("large"):
    # A copied frame is read, its slot fetched and written back, and read: four times its bytes, where no cache holds it.
    cores, channels, per_channel = 64, 8, 25.6 * GB * 0.75
    lines = []
    for count in (3_110_400, 12_441_600, 49_766_400):
        work = cpu(by_size[SHM, count])
        by_core, by_memory = cores / (60 * work / 1e9), channels * per_channel / (4 * count * 60)
        rules = "memory" if by_memory < by_core else "cores"
        lines.append([size(count), number(work / 1e3), f"{by_core:,.0f}", f"{by_memory:,.0f}", rules])
    table(["frame", "cpu µs a frame, measured here", "sessions at 60 frames/s by cores", "by memory", "what rules"], lines)

few, many = ([one(f"frames-{n}-{turn}") for turn in (1, 2, 3, 4, 5)] for n in ("few", "many"))
resident = [sum(map(int, line.split())) for line in text("memory.txt").splitlines()]
memory_frames = one("memory")
with section("frames"):
    each = lambda found: ", ".join(f"{1e9 / median(r):.0f}" for r in found)
    print(f"ns a frame, in five turns: {each(few)} of 100,000 frames (medians of ten); {each(many)} of 10,000,000.")
    if len(resident) == 2:
        print(f"Resident memory of both sides after two seconds of {memory_frames['received']:,} frames: {resident[0]:,} KiB; "
              f"five seconds later: {resident[1]:,} KiB.")

def counted(audio):
    """System calls a frame, by role, of a player with that sound."""
    found = {}
    for path in folder.glob(f"calls-{audio}-*.csv"):
        count = re.search(r"^(\d+),.*sys_enter", path.read_text(), re.M)
        if count:
            found[path.stem.removeprefix(f"calls-{audio}-")] = int(count[1]) / (5 * 60)
    return found


calls, silent = counted("null"), counted("none")
before, after = (dict(line.split() for line in text(f"paused-{when}.txt").splitlines()) for when in ("before", "after"))
woke = {role: (int(after[role]) - int(before[role])) / 5 for role in before if role in after}
with section("player"):
    said = lambda found, role, digits: f"{found[role]:.{digits}f}" if role in found else "–"
    table(["role", "system calls a frame at 1080p60", "without sound", "wake-ups a second, paused"],
          [[role, said(calls, role, 2), said(silent, role, 2), said(woke, role, 1)]
           for role in ("decoder", "renderer", "audio", "supervisor", "janitor") if role in calls or role in woke])

goals = []


def goal(which, what, value, wanted, least=None, most=None, unit=""):
    held = value is not None and (least is None or value >= least) and (most is None or value <= most)
    shown = "not measured" if value is None else number(value) + unit
    goals.append([which, what, shown, wanted, "–" if value is None else "yes" if held else "**no**"])


def ratio(a, b):
    return a / b if a is not None and b else None


def by_copy(title):
    report = copies[title]
    c, r = report["ceilings"][0], next(r for r in report["runs"] if r["label"] == SHM)
    rate = median(r) * r["bytes"]
    return rate / c["memcpy"], rate / copy_limit(c), ratio(rate, c["pair"])


shm = hand[SHM]
goal(1, "hand-over: time a frame, to the spinning floor's", ratio(1, paired(shm, hand.get("floor"))), "≤ 1.10", most=1.10)
goal(1, "hand-over as fast as it goes: system calls a frame", shm["syscalls_per_frame"], "0 (≤ 0.001)", most=0.001)
for label, name, times in (("textbook", "textbook semaphores", 1), ("iceoryx2", "iceoryx2's event, the producer polling", 5),
                           ("iceoryx2-busy", "iceoryx2 polling", 3.5), ("iceoryx2-both", "iceoryx2's event, both blocking", 150)):
    goal(2, f"hand-over: times as fast as {name}", paired(shm, hand.get(label)), f"≥ {times}", least=times)
slow, alone = sleeping[SHM], rows("one-core-textbook")
goal(2, "`--spin 0`: times as fast as textbook semaphores", paired(slow, sleeping.get("textbook")), "≥ 1", least=1)
goal(2, "both sides on one core: times as fast as textbook semaphores", paired(alone.get(SHM), alone.get("textbook")), "≥ 1", least=1)
goal(2, "both sides on one core: rate, to that of `--spin 0`", one_core_ratio, "(≥ 0.95)", least=0.95)
for title, least in zip(copies, (0.97, 0.95, 0.95)):
    goal(3, f"{title}: of what two cores can, one copying, one reading", by_copy(title)[2], f"≥ {least}", least=least)
goal(4, "60 Hz: hand-over, both sides, of a core", cpu(pace[SHM]) * 60 / 1e7, "≤ 0.5 %", most=0.5, unit=" %")
for p, most in (("p50", 1.5), ("p99", 1)):
    goal(4, f"60 Hz, `--expect`: our {p}, to the floor's, which expects as well", ratio(expecting["latency_ns"][p], expected["floor"]["latency_ns"][p]),
         f"≤ {most}", most=most)
event = pinned.get("iceoryx2-both")
for p in ("p50", "p99"):
    goal(4, f"60 Hz, `--expect`: iceoryx2's {p} is × ours", ratio(event and event["latency_ns"][p], expecting["latency_ns"][p]), "(≥ 1)", least=1)
goal(4, "60 Hz, `--expect`: consumer, of a core", expecting["cpu_ns_per_frame"]["consumer"] * 60 / 1e7, "(≤ 2 %)", most=2, unit=" %")
goal("player", "at 60 frames/s: system calls a frame, decoder + renderer",
     calls["decoder"] + calls["renderer"] if {"decoder", "renderer"} <= calls.keys() else None, "≤ 4", most=4)
goal("player", "paused: most wake-ups a second of one process", max(woke.values(), default=None), "≤ 10", most=10)
play = load("play-4k")
goal("player", "4K30 from `test:`: frames dropped", play and play["video"]["dropped"], "0", most=0)
goal(8, "time a frame of 10⁷ frames, to that of 10⁵, in turns", statistics.median(median(a) / median(b) for a, b in zip(few, many)), "flat: ≤ 1.15", most=1.15)
goal(8, "hand-over's cpu a frame with 8 sessions, to 1", cpu(one("sessions-hand-over-8")) / cpu(one("sessions-hand-over-1")), "flat: ≤ 1.15", most=1.15)
goal(8, "cpu a byte at 8K, to 4K", cpu(by_size[SHM, 49_766_400]) / cpu(by_size[SHM, 12_441_600]) / 4, "linear: ≤ 1.15", most=1.15)
big, small = 49_766_400, 12_441_600
by_pair = lambda count: cpu(by_size[SHM, count]) / count * ceilings[count]["pair"] if ceilings[count]["pair"] else None
goal(8, "the same, in units of what two cores' limit takes for such frames", ratio(by_pair(big), by_pair(small)), "(≤ 1.15)", most=1.15)
goal(8, "growth of memory over millions of frames", resident[1] - resident[0] if len(resident) == 2 else None, "≤ 64 KiB", most=64, unit=" KiB")
with section("goals"):
    table(["goal", "figure", "measured", "wanted", "held"], goals)

if len(sys.argv) == 2:
    for name, content in sections.items():
        print(f"## {name}\n\n{content}\n")
    sys.exit()
document = pathlib.Path(sys.argv[2])
whole = document.read_text()
for name, content in sections.items():
    begin, end = f"<!-- measured: {name} -->", "<!-- /measured -->"
    if begin not in whole:
        sys.exit(f"{document} has no mark {begin}")
    head, rest = whole.split(begin, 1)
    whole = head + begin + "\n" + content + "\n" + end + rest.split(end, 1)[1]
document.write_text(whole)
