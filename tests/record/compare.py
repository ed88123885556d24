#!/usr/bin/python3
"""compare.py READER REPORT: compares recordings as printed by reader.py and by `tcpshim report --json --data=all`.

READER and REPORT are files with what the two printed.  Both must have the same calls in the same order: the call's
name, its result and error, when it completed and how long it took, thread, connection, time of day, bytes moved, the
payload, and the notes' ids; and the same calls in progress.  Calls that completed in the same nanosecond in different
threads have no order.  Prints the first differences, and as the last line

    same: CALLS calls, IN-PROGRESS in progress, THREADS threads, LONGEST bytes at most, NOTES notes

or `different: ` and their number.  The exit status is 0 if they are the same, 1 if not.

What only one of the two prints is not compared:
  * the end of the process has no result and no duration in the report
  * the report shows no call in progress of a process that ended by exit, which ended other threads in their calls
  * a payload cut by the end of the recording
"""

import base64
import collections
import json
import sys
import time

SHOWN = 5
DECODED = {"base64": base64.b64decode, None: str.encode}


def lines(path):
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]


def utc(nanoseconds):
    seconds, rest = divmod(nanoseconds, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"


def of_report(line):
    payload = line.get("data")
    if payload is not None:
        payload = DECODED[line.get("data.encoding")](payload).hex()
    return {
        "time_ns": line["mono_ns"],
        "pid": line["process.pid"],
        "tid": line["thread.id"],
        "call": line["call"],
        "result": line.get("ret"),
        "error": line.get("error.type", 0),
        "duration_ns": line.get("duration_ns"),
        "serial": line.get("conn", 0),
        "moved": line.get("bytes"),
        "data": payload or None,
        "notes": [note["id"] for note in line.get("notes", [])],
        "time": line["time"],
    }


def of_reader(line):
    end = line["call"] == "_exit"
    return {
        "time_ns": line["time_ns"],
        "pid": line["pid"],
        "tid": line["tid"],
        "call": line["call"],
        "result": None if end else line["result"],
        "error": line["error"],
        "duration_ns": None if end else line["time_ns"] - line["start_ns"],
        "serial": line["serial"],
        "moved": line["moved"],
        "data": line["data"] or None,
        "notes": line["notes"],
        "time": utc(line["realtime_ns"]),
    }


def argument(value):
    """The report has pointers as hex; numbers may be names there, which are not compared."""
    return int(value, 16) if isinstance(value, str) and value.startswith("0x") else value


def in_progress_of_report(line):
    return {
        "start_ns": line["mono_ns"],
        "pid": line["process.pid"],
        "tid": line["thread.id"],
        "call": line["call"],
        "serial": line.get("conn", 0),
        "first": argument(line["args"][0]),
    }


def in_progress_of_reader(current, file):
    return {
        "start_ns": current["start_ns"],
        "pid": file["pid"],
        "tid": current["tid"],
        "call": current["call"],
        "serial": current["serial"],
        "first": current["arguments"][0] if current["arguments"] else None,
    }


def unordered_where_equal(calls):
    return sorted(calls, key=lambda call: (call["time_ns"], call["pid"], call["tid"]))


def in_order(name, calls):
    for before, after in zip(calls, calls[1:]):
        if after["time_ns"] < before["time_ns"]:
            print(f"{name}: out of order: {before['call']} at {before['time_ns']}, then {after['time_ns']}")
            return 1
    return 0


def differences(reader, report):
    found = 0
    if len(reader) != len(report):
        print(f"reader: {len(reader)} calls, report: {len(report)}")
        found += abs(len(reader) - len(report))
    for number, (ours, theirs) in enumerate(zip(reader, report)):
        if ours == theirs:
            continue
        found += 1
        if found <= SHOWN:
            print(f"call {number}, {ours['call']} at {ours.get('time_ns', ours.get('start_ns'))}:")
            for key, value in ours.items():
                if value != theirs[key]:
                    print(f"    {key}: reader {str(value)[:100]}, report {str(theirs[key])[:100]}")
    return found


def main(reader_path, report_path):
    reader, report = lines(reader_path), lines(report_path)
    files = [line for line in reader if line["kind"] == "file"]
    ours = [of_reader(line) for line in reader if line["kind"] in ("event", "transfer") and "cut" not in line]
    theirs = [of_report(line) for line in report if "call" in line and not line.get("sleeping")]
    found = in_order("reader", ours) + in_order("report", theirs)
    found += differences(unordered_where_equal(ours), unordered_where_equal(theirs))

    def start(call):
        return call["start_ns"], call["pid"], call["tid"]

    now = [in_progress_of_reader(current, file) for file in files if not file["ended"] for current in file["current"]]
    then = [in_progress_of_report(line) for line in report if line.get("sleeping")]
    # A poll's first argument is a set of descriptors, which the report has decoded.
    for mine, other in zip(sorted(now, key=start), sorted(then, key=start)):
        if not isinstance(other["first"], int):
            mine["first"] = other["first"] = None
    found += differences(sorted(now, key=start), sorted(then, key=start))

    if found:
        print(f"different: {found}")
        return 1
    threads = collections.Counter((call["pid"], call["tid"]) for call in ours)
    longest = max((len(call["data"] or "") // 2 for call in ours), default=0)
    notes = sum(len(call["notes"]) for call in ours)
    print(
        f"same: {len(ours)} calls, {len(now)} in progress, {len(threads)} threads, "
        f"{longest} bytes at most, {notes} notes"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
