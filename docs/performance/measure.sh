#!/usr/bin/env bash
# Measures every figure of docs/performance.md but those beside mpv, and prints its tables: docs/performance/measure.sh [FOLDER]
# About seven minutes on a machine that should have nothing else to do. The reports stay in FOLDER (default: a temporary one).
# Counting the player's system calls needs perf and the right to trace.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=${1:-$(mktemp -d)}
mkdir -p "$out"
[ -n "${BUILT:-}" ] || cargo build -q --release --features iceoryx2
program=${CARGO_TARGET_DIR:-target}/release/tricine

stress() { # NAME OPTIONS…
    echo "tricine stress ${*:2}" >&2
    "$program" stress -q --report "$out/$1.json" "${@:2}" >"$out/$1.txt" || echo "$1: exit code $?" >&2
}

hand_over=(--payload stamp --read none)
# Goal 1: the hand-over alone, as fast as it goes.
stress hand-over "${hand_over[@]}" --seconds 6 --repeat 6 \
    --transport floor,shm,textbook,mmap,sysv-shm,iceoryx2,iceoryx2-both,iceoryx2-busy
# Goal 2: both sides sleep; one core for both, with and without asking first; a film's pace.
stress sleeping "${hand_over[@]}" --spin 0 --seconds 6 --repeat 6 --transport shm,textbook,iceoryx2-both
for turn in 1 2 3; do
    stress "one-core-adaptive-$turn" "${hand_over[@]}" --pin 0,0 --seconds 1 --no-syscalls
    stress "one-core-blocking-$turn" "${hand_over[@]}" --pin 0,0 --seconds 1 --no-syscalls --spin 0
done
stress pace-expect "${hand_over[@]}" --rate 60 --expect --seconds 30 --repeat 3
stress pace "${hand_over[@]}" --rate 60 --seconds 30 --repeat 3 --transport shm,iceoryx2-both
# Goal 3: whole frames, copied in and read.
stress copy-1080p-i420 --seconds 6 --repeat 6 --transport floor,shm,textbook,iceoryx2,iceoryx2-busy
stress copy-1080p-xrgb --format xrgb --size 1920x1080 --seconds 6 --repeat 6 --transport floor,shm,textbook,iceoryx2-busy
stress copy-4k-i420 --size 3840x2160 --seconds 6 --repeat 6 --transport floor,shm,textbook,iceoryx2-busy
# Goal 7 and scale.
stress sweep --sweep --seconds 1 --no-syscalls --transport shm,pipe,unix
for sessions in 1 2 4 8; do
    stress "sessions-$sessions" --rate 60 --sessions "$sessions" --seconds 4 --no-syscalls
done
stress frames-1 "${hand_over[@]}" --frames 100000 --no-syscalls
stress frames-2 "${hand_over[@]}" --frames 10000000 --no-syscalls

# Goal 4: the player's system calls a frame, and how often it wakes while paused.
play=(--display none --audio null -q)
trace=(perf stat -x, -e raw_syscalls:sys_enter)
for seconds in 5 15; do # The difference is without start and end.
    "${trace[@]}" -o "$out/calls-$seconds.csv" "$program" "${play[@]}" --length "$seconds" --report "$out/play-$seconds.json" \
        test:bars?size=1920x1080\&rate=60\&seconds=30 || echo "system calls of the player were not counted" >&2
done
session=measure-$$
"$program" "${play[@]}" --paused --session "$session" &
player=$!
sleep 2
switches() {
    for pid in $player $(pgrep -P $player); do
        awk -v pid="$pid" '/^Name/ { name = $2 } /ctxt/ { n += $2 } END { print name, pid, n }' /proc/"$pid"/task/*/status
    done
}
switches >"$out/paused-before.txt"
sleep 5
switches >"$out/paused-after.txt"
kill -TERM $player
wait $player || true

python3 docs/performance/tables.py "$out"
echo "reports: $out" >&2
