#!/usr/bin/python3
"""reader.py FILE...: prints what recordings contain, one JSON object per line.

This second reader was written from include/tcpshim/record.h and event.h alone, to be compared with the project's own.
Where the two differ, one of them has a bug, or the header's wording is wrong.

Prints one line per record, all streams of all files merged by time.  Then it prints one line per file, of kind "file":
the header's counters, what was damaged, and "current", the call that each stream's thread was in at the end.

    kind           transfer, event, more, thread, clock, line, module
    call           the name shown
    time_ns        completion; start_ns: when the call began (both CLOCK_MONOTONIC)
    realtime_ns    the time of day at time_ns
    asked          of a transfer: the bytes asked for
    data           the stored payload in hex, with that of the "more" records after it
    moved          how many bytes the call moved, of which data holds the first
    notes          ids, in the order of the sections and within one in that of the bits
    sections       what the event's sections hold, decoded

No number in a file is trusted: what is damaged is skipped and counted under "damage".  The exit status is 0
if every file was a recording, damaged or not, 1 if one was not, 2 if there was nothing to read.
"""

import collections
import errno
import heapq
import json
import os
import socket
import struct
import sys

MAGIC = b"TCPSHIM\n"
VERSION = 1

HEADER = struct.Struct("<8sHHIIIIiiIIIQqQ40s64s1024sQQQQiIiIQ")
BLOCK = struct.Struct("<QIiIIQQ")
CURRENT = struct.Struct("<IHBBIiQ6Q")
HEAD = struct.Struct("<HBB")
TRANSFER = struct.Struct("<HBBIIIIi")  # what stands behind the head, up to behind[]
EVENT = struct.Struct("<HBBQQqiIBB6x")
MORE = struct.Struct("<I")
THREAD = struct.Struct("<iI4xQQ")
CLOCK = struct.Struct("<4xQq")
LINE = struct.Struct("<IQ")
MODULE = struct.Struct("<IQQQ")
SECTION = struct.Struct("<HHI")
ADDRESS = struct.Struct("<HHI16s")
WATCH = struct.Struct("<iIQ")

HEADER_FIELDS = (
    "magic version padding_0 header_bytes block_bytes block_count flags pid parent_pid names_offset names_bytes "
    "attributes_bytes base_ns realtime_offset_ns data_bytes boot program executable blocks_taken lost_events "
    "overwritten_events nested_calls lost_error end exit_status padding_2 end_ns"
).split()

KINDS = {1: "transfer", 2: "event", 3: "more", 4: "thread", 5: "clock", 6: "line", 7: "module"}
SECTIONS = {
    1: "endpoints", 2: "address", 3: "value", 4: "length_out", 5: "asked", 6: "ready", 7: "data", 8: "subject",
    9: "left_out", 10: "stack", 11: "more_notes", 12: "cookie",
}
EFFECTS = (
    "none create listen connect accept shutdown close dup pair adopt read write splice wait epoll get_option "
    "set_option exit"
).split()
SEVERITIES = ["info", "warn", "error", "none"]
ROLES = ["none", "client", "server", "listener"]
STATES = (
    "unknown established syn_sent syn_recv fin_wait_1 fin_wait_2 time_wait close close_wait last_ack listen closing"
).split()
FLAGS = {0: "sleeping", 1: "many_threads", 2: "many_processes", 3: "stdio", 4: "endpoints"}
MESSAGE_FLAGS = {0: socket.MSG_DONTWAIT, 1: socket.MSG_NOSIGNAL, 2: socket.MSG_WAITALL, 3: socket.MSG_MORE}

HAS_BYTES = 1 << 7
HAS_MORE = 1 << 6
SLEEPING = 1 << 0

ARG_FD = 1
ARG_MESSAGE_FLAGS = 33
END_ENDED = 1
EVENT_ARGUMENTS = 6

# More than any writer of this version makes; a larger number is damage, not something to find memory for.
BLOCK_BYTES_MOST = 1 << 24
NAMES_BYTES_MOST = 1 << 20
ROWS_MOST = 4096
# A call's record is the last of its stream or close to it: this many are remembered.
STARTS_KEPT = 4096


def word(names, number):
    return names[number] if number < len(names) else number


def text(raw):
    return raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def error_name(number):
    return errno.errorcode.get(number, number) if number else 0


class Damaged(Exception):
    """What is read makes no sense."""


class Cursor:
    """Bytes read one behind the other; never behind their end."""

    def __init__(self, raw):
        self.raw = raw
        self.at = 0

    def take(self, size):
        if size > len(self.raw) - self.at:
            raise Damaged
        self.at += size
        return self.raw[self.at - size : self.at]

    def fields(self, form):
        return form.unpack(self.take(form.size))

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def string(self):
        end = self.raw.find(b"\0", self.at)
        if end < 0:
            raise Damaged
        found = self.raw[self.at : end]
        self.at = end + 1
        return found.decode("utf-8", "backslashreplace")


def address(cursor):
    """An end of a connection, or None where it is not known."""
    family, port, scope, raw = cursor.fields(ADDRESS)
    if family == socket.AF_INET:
        return f"{socket.inet_ntop(socket.AF_INET, raw[:4])}:{port}"
    if family == socket.AF_INET6:
        zone = f"%{scope}" if scope else ""
        return f"[{socket.inet_ntop(socket.AF_INET6, raw)}{zone}]:{port}"
    return None if family == 0 else {"family": family, "bytes": raw.hex()}


class Names:
    """The three tables: what the numbers of this file mean."""

    def __init__(self, raw, damage):
        self.calls, self.notes, self.facts = [], [], []
        cursor = Cursor(raw)
        try:
            for row in (self.call, self.note, self.fact):
                count = cursor.number(4)
                if count > ROWS_MOST:
                    raise Damaged
                for _ in range(count):
                    row(cursor)
        except Damaged:
            damage["names"] += 1

    def call(self, cursor):
        effect, count = cursor.take(2)
        name = cursor.string()
        self.calls.append({"name": name, "effect": word(EFFECTS, effect), "arguments": list(cursor.take(count))})

    def note(self, cursor):
        severity, _ = cursor.take(2)
        self.notes.append({"severity": word(SEVERITIES, severity), "name": cursor.string(), "id": cursor.string()})

    def fact(self, cursor):
        signed, _ = cursor.take(2)
        self.facts.append({"signed": signed == 1, "name": cursor.string()})

    def call_name(self, number):
        return self.calls[number]["name"] if number < len(self.calls) else f"call {number}"

    def argument_kinds(self, number):
        return self.calls[number]["arguments"] if number < len(self.calls) else []

    def note_ids(self, bits, first=0):
        return [
            self.notes[n]["id"] if n < len(self.notes) else f"note {n}"
            for n in range(first, first + 64)
            if bits >> (n - first) & 1
        ]


class Recording:
    def __init__(self, path):
        self.path = path
        self.damage = collections.Counter()
        self.currents = []
        self.records = 0
        self.file = open(path, "rb", buffering=0)
        raw = self.read(0, HEADER.size)
        if len(raw) < HEADER.size or not raw.startswith(MAGIC):
            self.file.close()
            raise Damaged("not a recording")
        self.header = dict(zip(HEADER_FIELDS, HEADER.unpack(raw)))
        if self.header["version"] != VERSION:
            self.file.close()
            raise Damaged(f"a recording of version {self.header['version']}")
        names_bytes = self.header["names_bytes"]
        if names_bytes > NAMES_BYTES_MOST:
            names_bytes = 0
        self.names = Names(self.read(self.header["names_offset"], names_bytes), self.damage)
        self.realtime_offset = self.header["realtime_offset_ns"]
        self.endpoints = {}
        self.streams = self.index()

    def read(self, offset, size):
        """Up to so many bytes; fewer where the file ends."""
        found = b""
        try:
            while len(found) < size:
                more = os.pread(self.file.fileno(), size - len(found), offset + len(found))
                if not more:
                    break
                found += more
        except (OSError, OverflowError):
            self.damage["unreadable"] += 1
        return found

    def index(self):
        """Where the blocks of each stream are, as sequence grows."""
        streams = collections.defaultdict(list)
        size = os.fstat(self.file.fileno()).st_size
        first, each = self.header["header_bytes"], self.header["block_bytes"]
        if not BLOCK.size + CURRENT.size <= each <= BLOCK_BYTES_MOST or first < HEADER.size:
            self.damage["header"] += 1
            return streams
        for number in range(self.header["block_count"]):
            offset = first + number * each
            if offset >= size:
                break
            raw = self.read(offset, BLOCK.size)
            if len(raw) < BLOCK.size:
                self.damage["short_blocks"] += 1
                break
            sequence, stream = struct.unpack_from("<QI", raw)
            if sequence:
                streams[stream].append((sequence, offset))
        for blocks in streams.values():
            blocks.sort()
        return streams

    def time_of_day(self, record):
        """In the order of the merged records: the offset told last counts."""
        if record["kind"] == "clock":
            self.realtime_offset = record["realtime_offset_ns"]
        if "time_ns" in record:
            record["realtime_ns"] = record["time_ns"] + self.realtime_offset

    def close(self):
        self.file.close()

    def last_line(self):
        """What stands at the end: the header, the damage, the calls in progress."""
        # These change while the file is written: as they are now.
        raw = self.read(0, HEADER.size)
        header = dict(zip(HEADER_FIELDS, HEADER.unpack(raw))) if len(raw) == HEADER.size else self.header
        line = {"kind": "file", "path": self.path}
        for name in HEADER_FIELDS:
            if name not in ("magic", "boot", "program", "executable") and not name.startswith("padding"):
                line[name] = header[name]
        for name in ("boot", "program", "executable"):
            line[name] = text(self.header[name])
        line["ended"] = header["end"] == END_ENDED
        line["wraps"] = bool(header["flags"] & 1)
        line["has_text"] = bool(header["flags"] & 2)
        line["streams"] = len(self.streams)
        line["records"] = self.records
        line["damage"] = dict(self.damage)
        line["current"] = sorted(self.currents, key=lambda current: (current["start_ns"], current["stream"]))
        return line


class Stream:
    """The records of one stream: an iterator over (time to merge by, record)."""

    def __init__(self, recording, number, blocks):
        self.recording = recording
        self.names = recording.names
        self.damage = recording.damage
        self.number = number
        self.blocks = blocks
        self.tid = self.thread_number = 0
        self.time = 0  # what the next since_ns counts from
        self.merge_time = 0
        self.starts = collections.deque(maxlen=STARTS_KEPT)
        self.continued = None  # the record whose payload goes on in the next
        self.extra = []  # its RECORD_MORE up to now

    def __iter__(self):
        last = None
        for sequence, offset in self.blocks:
            raw = self.recording.read(offset, self.recording.header["block_bytes"])
            if len(raw) < BLOCK.size + CURRENT.size:
                self.damage["short_blocks"] += 1
                continue
            again = self.recording.read(offset, 8)
            if raw[:8] != again or int.from_bytes(again, "little") != sequence:
                self.damage["changed_blocks"] += 1
                continue
            _, _, self.tid, self.thread_number, promised, _, self.time = BLOCK.unpack_from(raw)
            end, found = BLOCK.size + CURRENT.size, 0
            while True:
                record, size = self.record(raw, end)
                if size == 0:
                    break
                end += size
                if record is not None:
                    found += record["kind"] in ("transfer", "event")
                    yield from self.joined(record)
            if found < promised:
                self.damage["blocks_with_another_count"] += 1
            last = raw, end
        yield from self.finished()
        if last is not None:
            self.in_progress(*last)

    def finished(self):
        """The record whose payload is complete now, and those that held the rest of it."""
        if self.continued is not None:
            if self.continued.pop("continues"):
                self.damage["payloads_cut"] += 1
                self.continued["cut"] = True
            yield self.continued.pop("merge"), self.continued
            for record in self.extra:
                record.pop("continues")
                yield record.pop("merge"), record
        self.continued, self.extra = None, []

    def joined(self, record):
        """A payload that goes on in further records is put together."""
        record["merge"] = self.merge_time
        if record["kind"] == "more":
            if self.continued is None or not self.continued["continues"]:
                self.damage["more_of_nothing"] += 1
                record.pop("continues")
                yield record.pop("merge"), record
                return
            record["of"] = self.continued["start_ns"]
            self.continued["data"] = (self.continued["data"] or "") + record["data"]
            self.continued["continues"] = record["continues"]
            self.extra.append(record)
        else:
            yield from self.finished()
            if "continues" in record:
                self.continued = record
            else:
                yield record.pop("merge"), record

    def record(self, raw, at):
        """The record there and its size: 0 at the end, None for one that is skipped."""
        if at + HEAD.size > len(raw):
            return None, 0
        size, kind, flags = HEAD.unpack_from(raw, at)
        if size == 0:
            return None, 0
        if size < 8 or size > len(raw) - at:
            self.damage["sizes"] += 1
            return None, 0
        if kind not in KINDS:
            self.damage["unknown_kinds"] += 1
            return None, size
        cursor = Cursor(raw[at + HEAD.size : at + size])
        try:
            found = getattr(self, KINDS[kind])(cursor, flags)
        except (Damaged, ValueError, OverflowError):
            self.damage["records"] += 1
            return None, size
        if size % 8:
            self.damage["sizes"] += 1
        record = {
            "kind": KINDS[kind],
            "pid": self.recording.header["pid"],
            "stream": self.number,
            "tid": self.tid,
            "thread_number": self.thread_number,
        }
        record.update(found)
        self.recording.records += 1
        return record, size

    def completed(self, time_ns):
        self.time = self.merge_time = time_ns

    def flag_names(self, flags):
        return [name for bit, name in FLAGS.items() if flags >> bit & 1]

    def transfer_call(self, cursor):
        """The fields of a transfer, done or in progress, with its start for since_ns."""
        fd, call, message_flags, since_ns, duration_ns, serial, asked, result = cursor.fields(TRANSFER)
        return fd, call, message_flags, self.time + since_ns, duration_ns, serial, asked, result

    def transfer_arguments(self, call, fd, buffer, asked, message_flags):
        arguments = [fd, buffer, asked]
        if ARG_MESSAGE_FLAGS in self.names.argument_kinds(call):
            arguments.append(sum(value for bit, value in MESSAGE_FLAGS.items() if message_flags >> bit & 1))
        return arguments

    def transfer(self, cursor, flags):
        fd, call, message_flags, start_ns, duration_ns, serial, asked, result = self.transfer_call(cursor)
        data = buffer = None
        moved = max(result, 0)
        if flags & HAS_BYTES:
            stored = min(moved, self.recording.header["data_bytes"])
            # The rest of a payload is continued in the next records; padding does not belong to it.
            here = len(cursor.raw) - cursor.at
            if stored > here and not flags & HAS_MORE:
                raise Damaged
            data = cursor.take(min(stored, here)).hex()
        else:
            buffer = cursor.number(8)
        self.starts.append(start_ns)
        self.completed(start_ns + duration_ns)
        return {
            "call": self.names.call_name(call),
            "time_ns": start_ns + duration_ns,
            "start_ns": start_ns,
            "flags": self.flag_names(flags),
            "fd": fd,
            "serial": serial,
            "asked": asked,
            "result": max(result, -1),
            "error": error_name(-result if result < 0 else 0),
            "arguments": self.transfer_arguments(call, fd, buffer, asked, message_flags),
            "moved": moved or None,
            "data": data,
            "notes": [],
            "continues": bool(flags & HAS_MORE),
        }

    def event(self, cursor, flags):
        call, count, has_asked, time_ns, start_ns, result, error, serial, role, state = cursor.fields(EVENT)
        arguments = [cursor.number(8) for _ in range(count)]
        sections = []
        try:
            while cursor.at < len(cursor.raw):
                sections.append(self.section(cursor, serial))
        except Damaged:
            # What went before is good; where the next one begins is not known.
            self.damage["sections"] += 1
        kinds = self.names.argument_kinds(call)
        fds = [signed(value, 32) for value, kind in zip(arguments, kinds) if kind == ARG_FD]
        data = next((section for section in sections if section["section"] == "data"), None)
        sleeping = bool(flags & SLEEPING)
        if not sleeping:
            self.starts.append(start_ns)
        self.completed(time_ns)
        return {
            "call": self.names.call_name(call),
            "time_ns": time_ns,
            "start_ns": start_ns,
            "flags": self.flag_names(flags),
            "fd": fds[0] if fds else None,
            "serial": serial,
            "role": word(ROLES, role),
            "state": word(STATES, state),
            "asked": None,
            "has_asked": bool(has_asked),
            "result": None if sleeping else result,
            "error": error_name(error),
            "arguments": arguments,
            "moved": data["total"] if data else None,
            "data": data["bytes"] if data else None,
            "notes": [note for section in sections if "notes" in section for note in section["notes"]],
            "sections": sections,
            "continues": bool(flags & HAS_MORE),
        }

    def section(self, outer, serial):
        size, kind, number = SECTION.unpack(outer.take(SECTION.size))
        if size < SECTION.size:
            raise Damaged
        cursor = Cursor(outer.take(size - SECTION.size))
        found = {"section": SECTIONS.get(kind, kind)}
        try:
            if kind == 1:
                found["local"], found["peer"] = address(cursor), address(cursor)
                self.recording.endpoints[serial] = found["local"], found["peer"]
            elif kind in (2, 3):
                found["bytes"] = cursor.take(number).hex()
            elif kind in (4, 9):
                found["number"] = number
            elif kind in (5, 6):
                found["total"] = cursor.number(8)
                found["watches"] = [
                    dict(zip(("fd", "events", "data"), cursor.fields(WATCH))) for _ in range(self.rows(number, cursor))
                ]
            elif kind == 7:
                found["total"] = cursor.number(8)
                found["bytes"] = cursor.take(number).hex()
            elif kind == 8:
                notes, facts = cursor.number(8), cursor.number(8)
                found["local"], found["peer"] = address(cursor), address(cursor)
                found["notes"] = self.names.note_ids(notes)
                found["facts"] = self.fact_values(facts, cursor)
            elif kind == 10:
                found["frames"] = [cursor.number(8) for _ in range(self.rows(number, cursor))]
            elif kind == 11:
                found["notes"] = [
                    note
                    for word in range(self.rows(number, cursor))
                    for note in self.names.note_ids(cursor.number(8), 64 * (1 + word))
                ]
            elif kind == 12:
                found["number"] = cursor.number(8)
            else:
                self.damage["unknown_sections"] += 1
        except Damaged:
            self.damage["sections"] += 1
            found = {"section": "damaged", "kind": kind, "number": number}
        return found

    @staticmethod
    def rows(number, cursor):
        """No more than could be there."""
        if number > len(cursor.raw):
            raise Damaged
        return number

    def fact_values(self, facts, cursor):
        found = {}
        for bit in range(64):
            if facts >> bit & 1:
                value = cursor.number(8)
                row = self.names.facts[bit] if bit < len(self.names.facts) else {"name": f"fact {bit}", "signed": 0}
                found[row["name"]] = signed(value, 64) if row["signed"] else value
        return found

    def more(self, cursor, flags):
        (number,) = cursor.fields(MORE)
        return {"data": cursor.take(number).hex(), "continues": bool(flags & HAS_MORE)}

    def thread(self, cursor, _):
        self.tid, self.thread_number, previous_ns, time_ns = cursor.fields(THREAD)
        self.completed(time_ns)
        return {"time_ns": time_ns, "previous_ns": previous_ns}

    def clock(self, cursor, _):
        time_ns, offset = cursor.fields(CLOCK)
        self.completed(time_ns)
        return {"time_ns": time_ns, "realtime_offset_ns": offset}

    def line(self, cursor, _):
        number, time_ns = cursor.fields(LINE)
        line = cursor.take(number)
        self.completed(time_ns)
        return {"time_ns": time_ns, "text": line.decode("utf-8", "backslashreplace")}

    def module(self, cursor, _):
        number, start, end, offset = cursor.fields(MODULE)
        return {"start": start, "end": end, "offset": offset, "path": text(cursor.take(number))}

    def in_progress(self, raw, end):
        """The call that the thread is in: in the last block's header, or behind its last record."""
        found = [current for current in (self.from_header(raw), self.from_tail(raw, end)) if current]
        found = [current for current in found if current["start_ns"] not in self.starts]
        if not found:
            return
        latest = max(found, key=lambda current: current["start_ns"])
        latest.update(stream=self.number, tid=self.tid, thread_number=self.thread_number)
        self.recording.currents.append(latest)

    def from_header(self, raw):
        sequence, call, count, _, serial, fd, start_ns, *arguments = CURRENT.unpack_from(raw, BLOCK.size)
        if call == 0:
            return None
        if sequence % 2:
            self.damage["currents_half_written"] += 1
            return None
        return {
            "where": "header",
            "call": self.names.call_name(call - 1),
            "start_ns": start_ns,
            "serial": serial,
            "fd": fd,
            "arguments": arguments[: min(count, EVENT_ARGUMENTS)],
        }

    def from_tail(self, raw, end):
        if end + HEAD.size + TRANSFER.size + 8 > len(raw) or HEAD.unpack_from(raw, end)[0] != 0:
            return None
        cursor = Cursor(raw[end + HEAD.size : end + HEAD.size + TRANSFER.size + 8])
        fd, call, message_flags, start_ns, _, serial, asked, _ = self.transfer_call(cursor)
        # Of a record that was begun and not finished the head is 0 too: of an event this is argument_count, and no
        # call with a number as low as that moves bytes.
        if call == 0 or call >= len(self.names.calls) or self.names.calls[call]["effect"] not in ("read", "write"):
            return None
        buffer = cursor.number(8)
        return {
            "where": "tail",
            "call": self.names.call_name(call),
            "start_ns": start_ns,
            "serial": serial,
            "fd": fd,
            "asked": asked,
            "arguments": self.transfer_arguments(call, fd, buffer, asked, message_flags),
        }


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def keyed(recording, stream, offset, place):
    """For the merge: the time, then what makes it unambiguous and keeps a stream's order."""
    latest = None
    for at, (time_ns, record) in enumerate(stream):
        # A stream is in order; where a damaged time says otherwise the order is what counts.
        latest = time_ns + offset if latest is None else max(latest, time_ns + offset)
        yield latest, place, at, recording, record


def main(paths):
    if not paths:
        print(__doc__.split("\n", 1)[0], file=sys.stderr)
        return 2
    recordings, status = [], 0
    for path in paths:
        try:
            recordings.append(Recording(path))
        except (Damaged, OSError) as why:
            print(f"{path}: {why}", file=sys.stderr)
            status = 1
    # The clocks of two boots do not compare, times of day do.
    same_boot = len({recording.header["boot"] for recording in recordings}) < 2
    sources = []
    for recording in recordings:
        offset = 0 if same_boot else recording.header["realtime_offset_ns"]
        for number, blocks in sorted(recording.streams.items()):
            sources.append(keyed(recording, Stream(recording, number, blocks), offset, len(sources)))
    for *_, recording, record in heapq.merge(*sources, key=lambda item: item[:3]):
        recording.time_of_day(record)
        print(json.dumps(record))
    for recording in recordings:
        print(json.dumps(recording.last_line()))
        recording.close()
    return status


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        os._exit(0)
