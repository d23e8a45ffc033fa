#!/usr/bin/env python3
"""Reads the pictures of a live session from outside, by docs/layout.md alone: maps read-only, copies each frame, keeps a copy
only if it is whole, checks its checksum, and follows the stream from one region to the next.

    python3 examples/reader.py SESSION FRAMES

It ends with the session. It returns 0 if at least FRAMES frames were whole and no copy that it kept was wrong.
"""

import ctypes
import mmap
import os
import platform
import sys
import time

# docs/layout.md, "A region" and "Meta".
MAGIC, VERSION, FILM = 0x00454E4943495254, 4, 0x14D4C4946
AT_VERSION, AT_LEN, AT_KIND, AT_MODE, AT_STRIDE, AT_CAPACITY = 0x08, 0x18, 0x20, 0x28, 0x30, 0x38
AT_GENERATION, AT_BASE = 0x40, 0x48
AT_SEQ, AT_META, AT_BEGUN, AT_SUCCESSOR, AT_MAIL = 0x1000, 0x1008, 0x1180, 0x1280, 0x3000
SLOT_BYTES, SLOTS, META_WORDS, PAYLOAD, MAX_CAPACITY, MAX_SEQ = 128, 3, 12, 0x4000, 1 << 29, 1 << 48
FIFO, MAILBOX = 0, 1
I420, F32, BYTES = 1, 2, 3
ALL_BITS = (1 << 64) - 1

if platform.machine() == "x86_64":
    def fence():
        """Loads are executed in the order of the text here."""
else:
    _fence = ctypes.CDLL("libatomic.so.1").atomic_thread_fence

    def fence():
        """An acquire fence: 2 is memory_order_acquire."""
        _fence(2)


def checksum(payload):
    def mix(total, value):
        total = ((total ^ value) * 0x9E3779B97F4A7C15) & ALL_BITS
        return (total << 29 | total >> 35) & ALL_BITS

    def word(at):
        eight = payload[at:at + 8]
        return int.from_bytes(eight, "little") if len(eight) == 8 else 0

    total = len(payload)
    for at in range(0, len(payload), 2048):
        total = mix(total, word(at))
    return mix(total, word(max(len(payload) - 8, 0)))


class Gone(Exception):
    """There is no region of that name."""


class Region:
    def __init__(self, stream, generation):
        self.path, self.generation, self.last = f"/dev/shm/{stream}.{generation}", generation, 0
        try:
            file = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            raise Gone from None
        try:
            self.map = mmap.mmap(file, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(file)
        self.bytes = memoryview(self.map)
        # One load of 8 bytes for each word.
        self.words = self.bytes.cast("Q")
        self.mode, self.stride, self.capacity = self.at(AT_MODE), self.at(AT_STRIDE), self.at(AT_CAPACITY)
        self.base = self.at(AT_BASE)
        valid = self.at(0) == MAGIC and self.at(AT_VERSION) == VERSION and self.at(AT_KIND) == FILM
        valid = valid and self.at(AT_GENERATION) == generation and self.mode in (FIFO, MAILBOX)
        valid = valid and 1 <= self.capacity <= MAX_CAPACITY and self.stride == (self.capacity + 4095) // 4096 * 4096
        if not valid or not self.at(AT_LEN) == len(self.map) == PAYLOAD + SLOTS * self.stride:
            sys.exit(f"{self.path}: not a region of this layout")

    def at(self, offset):
        word = self.words[offset // 8]
        fence()
        return word

    def mail(self):
        """The slots that are the producer's and the latest frame's, and that frame's seq: 0 if there is none."""
        word = self.at(AT_MAIL)
        back, middle, front, dirty, seq = word & 3, word >> 2 & 3, word >> 4 & 3, word >> 6 & 1, word >> 8
        if {back, middle, front} != {0, 1, 2} or word >> 7 & 1:
            return back, back, 0
        return back, middle if dirty else front, seq

    def new(self):
        """Slot and seq of each frame that is new, the oldest first."""
        if self.mode == MAILBOX:
            _, slot, seq = self.mail()
            found = [(seq, slot)]
        else:
            found = sorted((self.at(AT_SEQ + SLOT_BYTES * slot), slot) for slot in range(SLOTS))
            found = [(seq, slot) for seq, slot in found if seq <= MAX_SEQ and (seq - 1) % SLOTS == slot]
        return [(slot, seq) for seq, slot in found if seq > self.last]

    def copy(self, slot, seq):
        """Meta and payload (None where meta is invalid), or None if the copy is not whole."""
        self.last = seq
        first = (AT_META + SLOT_BYTES * slot) // 8
        meta = [self.words[first + i] for i in range(META_WORDS)]
        size, form, start, payload = meta[5], meta[6] >> 32, PAYLOAD + slot * self.stride, None
        if size <= self.capacity and form in (I420, F32, BYTES):
            payload = bytes(self.bytes[start:start + size])
        fence()
        if self.mode == FIFO:
            whole = self.at(AT_BEGUN) < seq + SLOTS
        else:
            back, _, latest = self.mail()
            whole = latest > 0 and back != slot and self.at(AT_SEQ + SLOT_BYTES * slot) == seq
        return (meta, payload) if whole else None

    def successor(self):
        """The generation in which the stream goes on, or None."""
        word = self.at(AT_SUCCESSOR)
        return word - 1 if word else None

    def is_named(self):
        return os.path.exists(self.path)


class Reader:
    def __init__(self, session):
        self.stream, self.control = f"tricine.{session}.video", f"/dev/shm/tricine.{session}.control"
        self.region, self.size = None, None
        self.whole = self.thrown_away = self.wrong = self.regions = self.sizes = 0

    def generations(self):
        head = self.stream + "."
        return sorted(int(name[len(head):]) for name in os.listdir("/dev/shm") if name.startswith(head))

    def attach(self, generation):
        try:
            self.region = Region(self.stream, generation)
        except Gone:
            return False
        self.regions += 1
        return True

    def look(self):
        """Copies every frame that is new. Whether there was one."""
        found = self.region.new()
        for slot, seq in found:
            copied = self.region.copy(slot, seq)
            if copied is None:
                self.thrown_away += 1
            else:
                self.check(seq, *copied)
        return bool(found)

    def check(self, seq, meta, payload):
        right = payload is not None and meta[0] == self.region.base + seq - 1
        if not right or (meta[6] >> 32 != BYTES and checksum(payload) != meta[4]):
            print(f"generation {self.region.generation}, seq {seq}: the copy is wrong", file=sys.stderr)
            self.wrong += 1
            return
        self.whole += 1
        size = meta[7] & 0xFFFFFFFF, meta[7] >> 32
        if size != self.size:
            self.size, self.sizes = size, self.sizes + 1
            print(f"frame {meta[0]}: {size[0]} x {size[1]}", flush=True)

    def follow(self):
        """Goes to the region in which the stream goes on, if it does not go on in this one."""
        successor = self.region.successor()
        if successor is not None:
            if self.look() or self.attach(successor):
                return
        elif self.region.is_named():
            return
        for generation in self.generations():
            if generation > self.region.generation and self.attach(generation):
                return

    def run(self):
        while os.path.exists(self.control):
            if self.region is None:
                for generation in self.generations()[-1:]:
                    self.attach(generation)
            elif not self.look():
                self.follow()
            time.sleep(0.0005)
        print(f"{self.whole} frames whole, {self.thrown_away} thrown away, {self.wrong} wrong, "
              f"in {self.regions} regions, of {self.sizes} sizes")


def main():
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} SESSION FRAMES")
    reader = Reader(sys.argv[1])
    reader.run()
    return 0 if reader.whole >= int(sys.argv[2]) and reader.wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
