#!/usr/bin/python3
"""elsewhere.py FROM TO AHEAD_NS: makes of a recording one of another machine, whose clock is ahead by so much.

Only its header tells the machine and the time of day: the boot id, the attributes with it and with the machine's name,
and the offset from CLOCK_MONOTONIC to the time of day.
"""

import struct
import sys

HEADER = struct.Struct("<8sHHIIIIiiIIIQqQ40s")
REALTIME_OFFSET, BOOT = 13, 15


def main(source, target, ahead_ns):
    with open(source, "rb") as file:
        data = bytearray(file.read())
    fields = list(HEADER.unpack_from(data))
    boot = fields[BOOT]
    other = bytes(ord("f") if byte == ord("0") else ord("0") if chr(byte).isalnum() else byte for byte in boot)
    fields[REALTIME_OFFSET] += ahead_ns
    fields[BOOT] = other
    HEADER.pack_into(data, 0, *fields)
    names_end = fields[9] + fields[10]
    attributes = bytes(data[names_end : names_end + fields[11]])
    name = attributes.split(b"host.name=")[1].split(b"\0")[0]
    attributes = attributes.replace(boot.rstrip(b"\0"), other.rstrip(b"\0")).replace(b"=" + name, b"=" + b"x" * len(name))
    data[names_end : names_end + fields[11]] = attributes
    with open(target, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
