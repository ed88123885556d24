"""What a story left: the trace, the wire, and what the actors wrote down; and checks of one against the other.

A check that fails raises Wrong. Times are nanoseconds of CLOCK_MONOTONIC.
"""

import collections
import os
import re

MS, S = 1_000_000, 1_000_000_000
UNITS = {"ms": MS, "s": S, "min": 60 * S, "h": 3600 * S}

Segment = collections.namedtuple("Segment", "time way flags seq ack size window")
Step = collections.namedtuple("Step", "start end name result")


class Wrong(Exception):
    pass


late = 0  # how late this machine has woken a thread of the stage, at most


def is_near(told, seen):
    """Returns whether a printed time agrees with the witness: within 10 % or 5 ms. On a busy machine, what two processes
    see of one thing is farther apart, by as much as the machine let them wait: twice that is allowed on top."""
    return abs(told - seen) <= max(seen / 10, 5 * MS) + (2 * late if late > 2 * MS else 0)


class Wire:
    """The segments of one connection as kang saw them pass: "out" is from kang. Numbers count from the SYN."""

    def __init__(self, path, client_port, server_port):
        self.segments = []
        scales, bases = {}, {}
        for line in open(path, encoding="ascii"):
            time, way, source, target, flags, seq, ack, size, window, scale = line.split()
            if {int(source), int(target)} != {client_port, server_port}:
                continue
            if scale != "-":
                scales[way] = int(scale)
            if "S" in flags:
                bases[way] = int(seq)
            seq = (int(seq) - bases.get(way, 0)) & 0xFFFFFFFF
            ack = (int(ack) - bases.get("in" if way == "out" else "out", 0)) & 0xFFFFFFFF
            shift = 0 if "S" in flags else scales.get(way, 0)
            self.segments.append(Segment(int(time), way, flags, seq, ack, int(size), int(window) << shift))

    def find(self, way, flag=None, size=None, after=0):
        return [
            s
            for s in self.segments
            if s.way == way
            and s.time >= after
            and (flag is None or flag in s.flags)
            and (size is None or (s.size >= size if size else s.size == 0))
        ]

    def one(self, way, flag=None, size=None, after=0, place=0):
        found = self.find(way, flag, size, after)
        if not found:
            raise Wrong(f"the wire has no segment {way} {flag} {size}")
        return found[place]

    def last_before(self, time, way=None, moved=False):
        """The last segment before a time; if moved, the last that carried data."""
        found = [s for s in self.segments if s.time < time and way in (None, s.way) and (s.size > 0 or not moved)]
        if not found:
            raise Wrong("the wire has no segment before that time")
        return found[-1]

    def held_up(self, start, end, sender="out"):
        """Returns how long the sender could not send a full segment because of the peer's window."""
        edge = sent = None
        total, since = 0, None
        for s in self.segments:
            if s.way == sender and s.size:
                sent = max(sent or 0, s.seq + s.size)
            elif s.way != sender and "A" in s.flags:
                edge = max(edge or 0, s.ack + s.window)
            if sent is None or edge is None:
                continue
            if edge - sent < 1448 and since is None:
                since = s.time
            elif edge - sent >= 1448 and since is not None:
                total += max(0, min(s.time, end) - max(since, start))
                since = None
        if since is not None:
            total += max(0, end - max(since, start))
        return total

    def busy(self):
        """Returns how long something that was sent was not acknowledged, or the peer's window held something up."""
        sent = acked = edge = total = 0
        since = None
        for s in self.segments:
            if s.way == "out" and s.size:
                sent = max(sent, s.seq + s.size)
            elif s.way == "in" and "A" in s.flags:
                acked, edge = max(acked, s.ack), max(edge, s.ack + s.window)
            is_busy = sent > acked or 0 < sent > edge - 1448
            if is_busy and since is None:
                since = s.time
            elif not is_busy and since is not None:
                total += s.time - since
                since = None
        return total


class Note:
    def __init__(self, line, call):
        found = re.fullmatch(r"(-|!|!!) (.*) \[([a-z-]+)\]", line)
        if not found:
            raise Wrong(f"not a note: {line}")
        self.severity, self.text, self.id = found.groups()
        self.call = call
        self.left = self.text

    def __str__(self):
        return f"{self.severity} {self.text} [{self.id}]"

    def take(self, pattern):
        """Returns the group of the pattern, and counts it as verified."""
        found = re.search(pattern, self.left)
        if not found:
            raise Wrong(f"the note does not say {pattern!r}: {self}")
        self.left = self.left[: found.start(1)] + "_" + self.left[found.end(1) :]
        return found.group(1)

    def duration(self, before, seen, after="", most=None):
        """Checks the duration after the words "before" against the witness, which knows it, or knows that it lies between
        seen and most: on a busy machine a call takes its time."""
        text = self.take(before + r"(\d[\d.]* (?:ms|s)|\d+ min \d+ s)" + after)
        told = sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+) (ms|s|min)", text))
        if not is_near(told, seen) and not (most and seen <= told <= most):
            raise Wrong(f"the note says {text}, the witness {seen / MS:.1f} ms: {self}")

    def seconds(self, before):
        """Returns a duration that the note says, without a check."""
        number, unit = re.search(before + r"([\d.]+) (ms|s)", self.text).groups()
        return float(number) * UNITS[unit] / S

    def count(self, before, seen, after=""):
        told = int(self.take(before + r"(\d+)" + after))
        if told != seen:
            raise Wrong(f"the note says {told}, the witness {seen}: {self}")

    def is_verified(self):
        """Fails if there is a number that no check has taken."""
        left = re.sub(r"^(fd \d+( to)?)? ?(\S+:\d+)?( > \S+:\d+)?( \(connection \d+\))?", "", self.left)
        left = re.sub(r"read = 0|SO_LINGER 0|IPv6|FIN_WAIT_[12]|> \S+:\d+", "", left)
        if re.search(r"\d", left):
            raise Wrong(f"the number was not compared with the witness: {left!r} of {self}")


class Call:
    def __init__(self, line):
        found = re.match(r"([a-z_0-9]+)\((.*)\)\s+(?:= (-?\w+)|Err#\d+ (\w+)|(\(sleeping\.\.\.\)))", line)
        self.line = line
        self.name = found.group(1) if found else line
        self.is_sleeping = found is not None and found.group(5) is not None
        self.notes = []


def read_trace(path):
    calls = []
    for line in open(path, encoding="utf-8"):
        line = re.sub(r"^\d*/?\d+:\t", "", line.rstrip("\n"))  # the process or the thread
        if line.startswith("\t"):
            calls[-1].notes.append(Note(line[1:], calls[-1]))
        else:
            calls.append(Call(line))
    return calls


def read_steps(path):
    """Returns the local port and the steps of an actor."""
    port, steps = 0, []
    if not os.path.exists(path):  # a real program
        return port, steps
    for line in open(path, encoding="ascii"):
        words = line.split()
        if len(words) == 1:
            port = int(words[0])
        else:
            steps.append(Step(int(words[0]), int(words[1]), words[2], words[3]))
    return port, steps


class Tale:
    """One telling of a story: live text, or a recording and its report."""

    def __init__(self, place, name, way, port):
        global late
        with open(f"{place}/late", encoding="ascii") as file:
            late = int(file.read())
        self.way = way
        self.calls = read_trace(f"{place}/{name}.{way}.trace")
        if not self.calls:
            raise Wrong("the trace is empty")
        self.actor_port, self.steps = read_steps(f"{place}/{name}.{way}")
        self.place, self.name, self.port = place, name, port

    def client_port(self):
        return read_steps(f"{self.place}/{self.name}.{self.way}.client")[0]

    def wire(self, client_port=None):
        return Wire(f"{self.place}/wire", client_port or self.actor_port, self.port)

    def step(self, name, place=0):
        return [step for step in self.steps if step.name == name][place]

    def notes(self, note_id=None, severity=None):
        return [
            note
            for call in self.calls
            for note in call.notes
            if note_id in (None, note.id) and severity in (None, note.severity)
        ]

    def note(self, note_id, severity, call=None, place=0):
        """The only note with this id, of this severity and below this call."""
        found = self.notes(note_id)
        if len(found) != 1 and place == 0:
            raise Wrong(f"{len(found)} notes [{note_id}], not 1")
        note = found[place]
        if note.severity != severity:
            raise Wrong(f"severity {note.severity}, not {severity}: {note}")
        if call and not re.fullmatch(call, note.call.name):
            raise Wrong(f"below {note.call.line}, not {call}: {note}")
        return note

    def has_none(self, *ids):
        for note_id in ids:
            for note in self.notes(note_id):
                raise Wrong(f"not true here: {note}")

    def is_healthy(self, *allowed):
        """Fails if there is a warning or an error, other than these ids."""
        for note in self.notes():
            if note.severity != "-" and note.id not in allowed:
                raise Wrong(f"a warning in a healthy story: {note}")

    def only(self, *ids):
        """Fails if there is a warning or an error other than these, or one whose numbers were not compared."""
        self.is_healthy(*ids)
        for note in self.notes():
            if note.severity != "-":
                note.is_verified()
