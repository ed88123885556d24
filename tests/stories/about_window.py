"""Writers that wait, and what they wait for."""

from evidence import MS, S, Wrong
from stories import ECHO_PORT, story

SIZE = 5000000
READER = "meet writing; sleep 1.5; drain; close"  # "writing": the client is about to write


def measured(tale, note):
    """Checks that what was measured begins with the connection or later, and before the wait."""
    told = float(note.take(r"In the last ([\d.]+) s")) * S
    if not note.seconds(" waited ") * S - 100 * MS <= told <= tale.steps[-1].end - tale.steps[0].start + 100 * MS:
        raise Wrong(f"measured over another time: {note}")


def waited(tale, call, start, end):
    """Compares a note of the end of a wait with the windows on the wire, between the two times."""
    wire = tale.wire()
    held = wire.held_up(start, end)
    found = [note for note in tale.notes("peer-window-closed") if " waited " in note.text]
    if len(found) != 1:
        raise Wrong(f"{len(found)} notes of a wait; held up for {held / MS:.0f} ms")
    note = found[0]
    if note.severity != "!" or note.call.name not in call:
        raise Wrong(f"severity or call: {note.call.line} {note}")
    return note, held


@story("window", f"tell writing; sendall {SIZE}; shut; drain; close", READER)
def closed_window(tale):
    step = tale.step("sendall")
    note, held = waited(tale, ("send",), step.start, step.end)
    measured(tale, note)
    note.duration("waited ", step.end - step.start, " for room")
    note.duration("too small for ", held)
    tale.is_healthy("peer-window-closed")


@story("window", f"tell writing; sendall {SIZE}; shut; drain; close", "meet writing; sleep 6; drain; close")
def closed_window_long(tale):
    step = tale.step("sendall")
    note, held = waited(tale, ("send",), step.start, step.end)
    measured(tale, note)
    note.duration("waited ", step.end - step.start, " for room")
    note.duration("too small for ", held)
    tale.is_healthy("peer-window-closed")


def says_closed(tale, calls, allowed=None):
    """A writer that asks again and again: while the window is closed, or at the end, the note names the peer."""
    found = [note for note in tale.notes("peer-window-closed") if note.severity == "!"]
    held = tale.wire().held_up(tale.steps[0].start, tale.steps[-1].end)
    if held < 1200 * MS:
        raise Wrong(f"only {held / MS:.0f} ms on the wire: not what was to be shown")
    if not found:
        raise Wrong("nothing says that the peer's window was closed")
    for note in found:
        if note.call.name not in calls:
            raise Wrong(f"{note.call.line}: {note}")
    tale.has_none(*{"retransmitting", "send-buffer-full"} - {allowed})
    tale.is_healthy("peer-window-closed")
    for note in tale.notes("send-held-up"):
        note.duration("it waited ", held, " for the peer")
        note.duration("of its ", tale.step("close").start - tale.step("connect").end)
        note.duration("to send for ", tale.wire().busy())
    for note in found:
        if " waited " in note.text and allowed:  # one of several calls that waited
            note.duration("too small for ", note.seconds("waited ") * S)
        elif " waited " in note.text:
            span = note.seconds("In the last ") * S
            measured(tale, note)
            waits = [step for step in tale.steps if step.name == "wait"]
            if waits:
                held = tale.wire().held_up(waits[0].end - span, waits[0].end)
                note.duration("waited ", waits[0].end - waits[0].start, " for room")
            note.duration("too small for ", held)
    return found


@story("window", f"tell writing; pump {SIZE} 100; shut; drain; close", READER)
def closed_window_poll(tale):
    says_closed(tale, ("poll", "send"))


@story("window", f"import-asyncio; connect; tell writing; asyncio {SIZE}; shut; drain; close", READER)
def closed_window_asyncio(tale):
    says_closed(tale, ("epoll_wait", "send"))


@story("window", f"tell writing; epoll {SIZE} {ECHO_PORT} {SIZE}; shut; drain; close", READER)
def closed_window_epoll(tale):
    says_closed(tale, ("epoll_wait", "send"))


@story("window", f"tell writing; epoll {SIZE} {ECHO_PORT} 100000; shut; drain; close", READER)
def closed_window_chunks(tale):
    """Each write finds room for all; then epoll reports none for a while. Only the end of the connection tells."""
    held = tale.wire().held_up(tale.steps[0].start, tale.steps[-1].end)
    tale.note("send-held-up", "-", "close").duration("it waited ", held, " for the peer")
    tale.is_healthy("peer-window-closed")


@story("window", f"tell writing; pump {SIZE} 100; shut; drain; close", "meet writing; sleep 6; drain; close")
def closed_window_poll_long(tale):
    says_closed(tale, ("poll", "send"))


@story("window", f"tell writing; sendfile {SIZE}; shut; drain; close", READER)
def closed_window_sendfile(tale):
    says_closed(tale, ("sendfile", "sendfile64"))


@story("window", f"tell writing; splice {SIZE}; shut; drain; close", READER)
def closed_window_splice(tale):
    says_closed(tale, ("splice",), "send-buffer-full")


@story("window", f"tell writing; send {SIZE} 64; " + "poll 400 4; send 3000000 64; " * 8 + "close", READER)
def closed_window_dontwait(tale):
    """MSG_DONTWAIT on a blocking socket."""
    says_closed(tale, ("poll", "send"))


@story("window", f"tell writing; writev 100 {SIZE} 100; sendmsg 10 200; shut; drain; close", READER)
def closed_window_writev(tale):
    says_closed(tale, ("writev", "sendmsg"))


@story("window", f"tell writing; sendall {SIZE}; shut; drain; close", "sip 20000 0.012; close")
def slow_reader(tale):
    """The peer's program reads, but slowly: 3 s for all."""
    step = tale.step("sendall")
    note, held = waited(tale, ("send",), step.start, step.end)
    measured(tale, note)
    note.duration("waited ", step.end - step.start, " for room")
    note.duration("too small for ", held)
    tale.is_healthy("peer-window-closed")


@story("window", f"sendall {4 * SIZE}; shut; drain; close", "drain; close")
def fast_reader(tale):
    tale.has_none("peer-window-closed", "send-held-up")
    tale.is_healthy()


@story("window", f"pump {4 * SIZE} 100; shut; drain; close", "drain; close")
def fast_reader_poll(tale):
    tale.has_none("peer-window-closed")
    tale.is_healthy()


@story("window", f"pacing 2000000; sendall {SIZE}; shut; drain; close", "drain; close")
def slow_uplink(tale):
    """The uplink is slow (SO_MAX_PACING_RATE): the peer is not to blame."""
    tale.has_none("peer-window-closed")
    tale.is_healthy()


@story("window", f"pacing 2000000; pump {SIZE} 100; shut; drain; close", "drain; close")
def slow_uplink_poll(tale):
    tale.has_none("peer-window-closed")
    tale.is_healthy()
