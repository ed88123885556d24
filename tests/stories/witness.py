#!/usr/bin/python3
"""witness.py INTERFACE FILE: writes one line per TCP segment that passes the interface, until it is killed.

The lines do not depend on the library: they come from a packet socket.

    TIME_NS in|out FROM_PORT TO_PORT FLAGS SEQ ACK BYTES WINDOW SCALE

TIME_NS is the kernel's time of the segment, converted to CLOCK_MONOTONIC. FLAGS are letters of SFRPA. BYTES is the
length of the payload; several segments of one stream may come as one, as with tcpdump. WINDOW is as in the header,
SCALE the exponent of a SYN, or -.
"""

import ctypes
import os
import socket
import struct
import sys
import time

SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
LETTERS = ((0x02, "S"), (0x01, "F"), (0x04, "R"), (0x08, "P"), (0x10, "A"))


def find_tcp(frame):
    """Returns the offset of the TCP header and the offset of the end of the segment, or None."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800 and frame[23] == socket.IPPROTO_TCP:
        return 14 + (frame[14] & 15) * 4, 14 + struct.unpack_from("!H", frame, 16)[0]
    if kind == 0x86DD and frame[20] == socket.IPPROTO_TCP:
        return 54, 54 + struct.unpack_from("!H", frame, 18)[0]
    return None


def read_scale(options):
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
            continue
        if options[at] == 3:
            return str(options[at + 2])
        at += options[at + 1]
    return "-"


def describe(frame, stamp, direction):
    found = find_tcp(frame)
    if not found:
        return ""
    at, end = found
    source, target, seq, ack, size, bits, window = struct.unpack_from("!HHIIBBH", frame, at)
    size = (size >> 4) * 4
    flags = "".join(letter for bit, letter in LETTERS if bits & bit)
    scale = read_scale(frame[at + 20 : at + size]) if bits & 2 else "-"
    return f"{stamp} {direction} {source} {target} {flags} {seq} {ack} {end - at - size} {window} {scale}\n"


def measure_offset():
    """Returns what to add to CLOCK_REALTIME. Of several tries, the one that took the least time is taken."""
    best = None
    for _ in range(100):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        real = time.clock_gettime_ns(time.CLOCK_REALTIME)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        if best is None or after - before < best[0]:
            best = after - before, before + (after - before) // 2 - real
    return best[1]


def main():
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    packets.bind((sys.argv[1], 0))
    try:
        packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    except OSError:
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    packets.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    offset = measure_offset()
    file = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    while True:
        try:
            frame, extra, _, address = packets.recvmsg(160, 64)
        except OSError:  # the link went down; what passes when it is up again is seen
            continue
        seconds, ns = struct.unpack("qq", extra[0][2])
        direction = "out" if address[2] == socket.PACKET_OUTGOING else "in"
        os.write(file, describe(frame, seconds * 1_000_000_000 + ns + offset, direction).encode())


main()
