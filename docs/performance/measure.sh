#!/usr/bin/env bash
# Measures every figure of docs/performance.md but those beside mpv, and writes them into it: docs/performance/measure.sh [FOLDER]
# About ten minutes on a machine that should have nothing else to do. The reports stay in FOLDER (default: a temporary one).
# QUICK=1 takes a quarter of the time, to see that it works. Counting the player's system calls needs perf and the right to trace.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=${1:-$(mktemp -d)}
mkdir -p "$out"
[ -n "${BUILT:-}" ] || cargo build -q --release --features iceoryx2
program=${CARGO_TARGET_DIR:-target}/release/tricine

stress() { # NAME OPTIONS…
    echo "tricine stress ${*:2}" >&2
    local options=() option before=
    for option in "${@:2}"; do
        if [ -n "${QUICK:-}" ] && [ "$before" = --seconds ]; then option=$(awk "BEGIN { print $option / 4 }"); fi
        options+=("$option")
        before=$option
    done
    "$program" stress -q --report "$out/$1.json" "${options[@]}" >"$out/$1.txt" || echo "$1: exit code $?" >&2
}

# perf mounts tracefs, by which `tricine stress` counts system calls without stopping at each.
perf stat -e raw_syscalls:sys_enter true >/dev/null 2>&1 || true

hand_over=(--payload stamp --read none)
# Goals 1 and 2: the hand-over alone, as fast as it goes.
stress hand-over "${hand_over[@]}" --seconds 6 --repeat 6 \
    --transport floor,shm,textbook,mmap,sysv-shm,iceoryx2,iceoryx2-both,iceoryx2-busy
# Goals 2 and 4: both sides sleep; one core for both, with and without asking first; a film's pace.
stress sleeping "${hand_over[@]}" --spin 0 --seconds 6 --repeat 6 --transport shm,textbook,iceoryx2-both
for turn in 1 2 3; do
    stress "one-core-adaptive-$turn" "${hand_over[@]}" --pin 0,0 --seconds 1 --no-syscalls
    stress "one-core-blocking-$turn" "${hand_over[@]}" --pin 0,0 --seconds 1 --no-syscalls --spin 0
done
stress one-core-textbook "${hand_over[@]}" --pin 0,0 --seconds 4 --repeat 6 --no-syscalls --transport shm,textbook
# Pinned: else the scheduler puts both sides of one row on one core for half a minute, and those of the next on two.
stress pace-expect "${hand_over[@]}" --rate 60 --expect --pin 0,1 --seconds 60 --repeat 3 --transport shm,floor
stress pace-pinned "${hand_over[@]}" --rate 60 --pin 0,1 --seconds 60 --repeat 3 --transport shm,iceoryx2-both
stress pace "${hand_over[@]}" --rate 60 --seconds 60 --repeat 3 --transport shm,iceoryx2-both
# Goal 3: whole frames, copied in and read.
stress copy-1080p-i420 --seconds 6 --repeat 6 --transport floor,shm,textbook,iceoryx2,iceoryx2-busy
stress copy-1080p-xrgb --format xrgb --size 1920x1080 --seconds 6 --repeat 6 --transport floor,shm,textbook,iceoryx2-busy
stress copy-4k-i420 --size 3840x2160 --seconds 6 --repeat 6 --transport floor,shm,textbook,iceoryx2-busy
# Goal 8: scale.
stress sweep --sweep --seconds 1 --no-syscalls --transport shm,pipe,unix
for rate in 30 60 240 1000; do
    stress "rate-$rate" --rate "$rate" --seconds 3 --no-syscalls
done
for sessions in 1 2 4 8; do
    stress "sessions-$sessions" --rate 60 --sessions "$sessions" --seconds 4 --no-syscalls
    stress "sessions-hand-over-$sessions" "${hand_over[@]}" --rate 60 --sessions "$sessions" --seconds 4 --no-syscalls
done
# Few frames and many, in turns and five times: the cores' distance from each other changes within seconds. Ten of few each time.
for turn in 1 2 3 4 5; do
    stress "frames-few-$turn" "${hand_over[@]}" --frames 100000 --repeat 10 --no-syscalls
    stress "frames-many-$turn" "${hand_over[@]}" --frames 10000000 --no-syscalls
done

# Memory of both sides while millions of frames pass: at the beginning and near the end of one repetition.
children() { pgrep -P "$1" || true; }
resident() {
    for pid in $(children "$1"); do awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"; done | paste -sd ' '
}
"$program" stress -q --report "$out/memory.json" "${hand_over[@]}" --seconds 8 --repeat 1 --no-syscalls >"$out/memory-table.txt" &
job=$!
sleep 2
resident $job >"$out/memory.txt"
sleep 5
resident $job >>"$out/memory.txt"
wait $job || true

# The player's system calls by role, and how often each wakes while paused; 4K without a drop.
play=(--display none -q)
session=measure-$$
roles() { # PID: "role pid", one a line
    for pid in $1 $(children "$1"); do echo "$(sed 's/^tricine:\?//; s/^$/supervisor/; s/^rendere$/renderer/' "/proc/$pid/comm") $pid"; done
}
for audio in null none; do
    "$program" "${play[@]}" --audio $audio --session "$session" test:bars?size=1920x1080\&rate=60\&seconds=12 &
    player=$!
    sleep 3
    counting=()
    while read -r role pid; do
        perf stat -x, -e raw_syscalls:sys_enter -o "$out/calls-$audio-$role.csv" -p "$pid" -- sleep 5 2>"$out/perf.txt" &
        counting+=($!)
    done < <(roles $player)
    wait "${counting[@]}" || echo "system calls of the player were not counted: $(head -1 "$out/perf.txt")" >&2
    wait $player || true
done
"$program" "${play[@]}" --audio null --report "$out/play-4k.json" test:bars?size=3840x2160\&rate=30\&seconds=10 || true

"$program" "${play[@]}" --audio null --paused --session "$session" &
player=$!
sleep 2
switches() {
    roles $player | while read -r role pid; do
        awk -v role="$role" '/^voluntary/ { n += $2 } END { print role, n }' /proc/"$pid"/task/*/status
    done
}
switches >"$out/paused-before.txt"
sleep 5
switches >"$out/paused-after.txt"
kill -TERM $player
wait $player || true

python3 docs/performance/tables.py "$out" docs/performance.md
echo "docs/performance.md has the new tables; reports: $out" >&2
