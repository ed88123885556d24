"""alike.py REAL REHEARSED: compares what two plays of `rehearsed` left: a real failure, and its rehearsal.

Prints, as a diff without context, every line in which they differ: of the client's trace without its times, of the
values of its notes, of the TCP_INFO at its notes, and of what the program itself printed.  What the rehearsal adds is
left out: the lines of rehearse() with their notes.  Then prints the times that differ by more than 10 % (and 0.3 s).
All times go to standard error.
"""

import difflib
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# What the kernel counts, not how long it took.
COUNTS = ("retransmits", "retransmits_total", "probes", "outstanding_bytes", "lost_bytes", "unread_bytes", "sent_bytes",
          "received_bytes", "state", "state_before")
INFO = ("snd_cwnd", "retransmits", "total_retrans")
DEATHS = ("timed-out-data", "timed-out-user", "timed-out-keepalive", "connect-timed-out")
TOLERANCE, MOST_APART_S = 0.1, 0.3


def trace_of(play):
    lines = subprocess.run([HERE / "normalise", play / "kang.trace"], capture_output=True, text=True, check=True).stdout
    result, is_rehearsed = [], False
    for line in lines.splitlines():
        is_note = line.startswith("\t")
        if not is_note:
            is_rehearsed = re.search(r"\trehearse\(", line) is not None
        if is_rehearsed:
            if is_note and "[rehearsed-" not in line:
                result.append("at rehearse():" + line)
            continue
        # A machine under load may look later.
        line = re.sub(r"end of stream, read N m?s after the peer's FIN arrived\.", "end of stream.", line)
        line = re.sub(r"\bN ms\b", "N s", line)
        # It depends on whether the peer's acknowledgement has come.
        line = re.sub(r"(LAST_ACK|CLOSE)\. \[closed-after-peer\]", "CLOSE. [closed-after-peer]", line)
        # Who tries again and again does so more or less often.
        if result and line == result[-1] and re.search(r" (EAGAIN|EALREADY)$", line):
            continue
        result.append(line)
    return result


def events_of(play):
    with open(play / "kang.json") as file:
        return [json.loads(line) for line in file]


def counts_of(play):
    for event in events_of(play):
        for note in event.get("notes", ()):
            if not note["id"].startswith("rehearsed-"):
                counts = {name: value for name, value in note["values"].items() if name in COUNTS}
                info = {name: value for name, value in event.get("tcp_info", {}).items() if name in INFO}
                if note["id"] == "closed-after-peer":  # as in the text
                    counts = {name: value for name, value in counts.items() if name.endswith("_bytes")}
                    info = {}
                yield f"{note['id']}: {counts} {info}"


def times_of(play):
    """Yields the note and the seconds after which the kernel gave up."""
    sent_ns = 0
    for event in events_of(play):
        if event.get("call") in ("write", "send") and event.get("ret", -1) > 0:
            sent_ns = event["mono_ns"]
        for note in event.get("notes", ()):
            values = note["values"]
            took_s = (event["mono_ns"] - sent_ns) / 1e9
            if note["id"] == "connect-timed-out":
                took_s = values["handshake_ns"] / 1e9
            elif note["id"] == "timed-out-keepalive":
                took_s = values["last_heard_ns"] / 1e9
            if note["id"] in DEATHS:
                yield note["id"], took_s


def compare_times(real, rehearsed):
    for (note, one), (_, other) in zip(times_of(real), times_of(rehearsed)):
        print(f"{note} {one:.2f} s {other:.2f} s", file=sys.stderr)
        if abs(one - other) > max(TOLERANCE * one, MOST_APART_S):
            print(f"time: {note} after {one:.2f} s, rehearsed after {other:.2f} s")


def printed_by(play):
    lines = [f"printed: {line}" for line in (play / "kang.out").read_text().splitlines()]
    status = play / "kang.status"
    return lines + ["status: " + status.read_text().strip() if status.exists() else "status: none"]


def main():
    real, rehearsed = map(pathlib.Path, sys.argv[1:3])
    for parts in trace_of, counts_of, printed_by:
        for line in difflib.unified_diff(list(parts(real)), list(parts(rehearsed)), n=0, lineterm=""):
            if not line.startswith(("---", "+++", "@@")):
                print(line)
    compare_times(real, rehearsed)


main()
