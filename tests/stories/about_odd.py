"""Variants that are meant to confuse the notes."""

from evidence import Wrong
from stories import story

TALK = "send 100; recv 100; close"
STALE = "send 100; recv 100; after-close 0.5; send 70; sleep 0.1; once 100; close"
CLOSER = "recv 100; send 100; sleep 0.5; close; tell closed"


def stale(tale, call="send", lost=70, server_port=None):
    wire = tale.wire()
    fin = wire.one("in", "F")
    write = wire.one("out", size=1, after=fin.time)
    note = tale.note("stale-reuse", "!", call)
    note.duration("written ", write.time - fin.time, " after the peer's FIN arrived")
    note.duration("closed it after ", fin.time - wire.last_before(fin.time, moved=True).time, " without traffic")
    tale.note("reset-after-fin", "!!", "recv")
    tale.note("data-lost", "!!", "recv").count(": ", lost, " bytes")
    tale.only("stale-reuse", "reset-after-fin", "data-lost")
    return note


@story("odd", "more 2; " + STALE, CLOSER)
def names_second(tale):
    """Three connections to the same server: each warning names the peer and the number of its connection."""
    stale(tale)
    peer = f"fd 4 to 10.88.88.140:{tale.port} (connection 1): "
    for note in tale.notes():
        if note.severity != "-" and not note.text.startswith(peer):
            raise Wrong(f"does not name the connection: {note}")


@story("odd", "more 2; use 1; send 100; recv 100; once 100; close", "recv 100; send 100; sleep 0.3; linger0; close")
def names_third(tale):
    tale.wire().one("in", "R")
    note = tale.note("reset-by-peer", "!!", "recv")
    if not note.text.startswith(f"fd 6 to 10.88.88.140:{tale.port} (connection 3): "):
        raise Wrong(f"does not name the connection: {note}")
    tale.only("reset-by-peer")


@story("odd", "send 100; recv 100; dup; after-close 0.5; send 70; sleep 0.1; once 100; close", CLOSER)
def through_dup(tale):
    stale(tale)


@story("odd", "send 100; recv 100; after-close 0.5; writev 30 40; sleep 0.1; once 100; close", CLOSER)
def through_writev(tale):
    stale(tale, "writev")


@story("odd", "send 100; recv 100; after-close 0.5; sendmsg 30 40; sleep 0.1; once 100; close", CLOSER)
def through_sendmsg(tale):
    stale(tale, "sendmsg")


@story("odd", "send 100; recv 100; after-close 0.5; sendfile 70; sleep 0.1; once 100; close", CLOSER)
def through_sendfile(tale):
    stale(tale, "sendfile(64)?")


@story("odd", "send 100; recv 100; after-close 0.5; splice 70; sleep 0.1; once 100; close", CLOSER)
def through_splice(tale):
    stale(tale, "splice")


@story("odd", "send 100; recv 100; after-close 0.5; send 70 64; sleep 0.1; once 100; close", CLOSER)
def through_dontwait(tale):
    stale(tale)


@story("odd", STALE, CLOSER, address="fd00::2")
def through_ipv6(tale):
    note = stale(tale)
    if not note.text.startswith(f"fd 4 to [fd00::2]:{tale.port}: "):
        raise Wrong(f"does not name the peer: {note}")


@story("odd", "send 100; recv 100; pass; after-close 0.5; send 70; sleep 0.1; once 100; close", CLOSER)
def through_passing(tale):
    """The descriptor went through a UNIX socket: SCM_RIGHTS."""
    stale(tale)


@story("odd", "send 100; recv 100; exec tell adopted _ after-close 0.5 _ send 70 _ sleep 0.1 _ once 100 _ close",
       "recv 100; send 100; sleep 2; close; tell closed")
def through_exec(tale):
    """The program that writes has inherited the connection, and has seen it open."""
    if tale.step("tell").end > tale.wire().one("in", "F").time:
        return  # not what was to be shown: the new program began too late
    stale(tale)


@story("odd", "send 100; recv 100; peek 100; send 70; sleep 0.1; once 100; close", CLOSER)
def peeked(tale):
    """The client has seen the end of stream by MSG_PEEK, and writes at once: not stale, but not well either."""
    tale.has_none("stale-reuse")
    tale.note("reset-after-fin", "!!", "recv")
    tale.note("data-lost", "!!").count(": ", 70, " bytes")


@story("odd", "send 100; recv 100; hold-reader; after-close 1.6; send 70; sleep 0.3; close", CLOSER)
def two_threads(tale):
    """A thread is blocked in recv and gets the end of stream; the other writes."""
    tale.has_none("stale-reuse")
    wire = tale.wire()
    fin = wire.one("in", "F")
    note = tale.note("write-after-fin", "!", "send")
    note.duration("written ", wire.one("out", size=70, after=fin.time).time - fin.time, " after the peer's FIN")


@story("odd", "send 100; recv 100; hold-reader; send 100; sleep 0.5; close",
       "recv 100; send 100; recv 100; send 100; drain")
def two_threads_twin(tale):
    tale.is_healthy()


@story("odd", "send 100; recv 100; sleep 0.5; send 100; recv 100; sleep 0.2; drain; close",
       "recv 100; send 100; sleep 0.3; shut; recv 100; close")
def half_closed_peer(tale):
    """The peer has only shut down its sending side, and reads: nothing is lost."""
    note = tale.note("stale-reuse", "!", "send")
    wire = tale.wire()
    fin = wire.one("in", "F")
    note.duration("written ", wire.one("out", size=100, after=fin.time).time - fin.time, " after the peer's FIN")
    tale.has_none("data-lost", "reset-after-fin")
    tale.is_healthy("stale-reuse", "write-after-fin")


@story("odd", "send 100; recv 100; after-close 0.5; send 70; close", CLOSER)
def never_looks(tale):
    """The client writes into the closed connection and closes without looking."""
    wire = tale.wire()
    fin = wire.one("in", "F")
    note = tale.note("stale-reuse", "!", "send")
    note.duration("written ", wire.one("out", size=70, after=fin.time).time - fin.time, " after the peer's FIN")
    tale.is_healthy("stale-reuse", "reset-after-fin", "data-lost")


@story("odd", "send 100; recv 100; after-close 0.5; send 70; sleep 0.1; send 70; close", CLOSER)
def writes_twice(tale):
    """The second write gets EPIPE: only now the program learns of it."""
    tale.note("stale-reuse", "!", "send")
    tale.note("reset-after-fin", "!!", "send")
    tale.note("data-lost", "!!", "send").count(": ", 70, " bytes")


@story("odd", "send 100; recv 100; after-close 0.5; send 70; sleep 0.1; poll 100; close", CLOSER)
def only_polls_after(tale):
    tale.note("stale-reuse", "!", "send")
    tale.note("reset-after-fin", "!!", "poll")
    tale.note("data-lost", "!!", "poll").count(": ", 70, " bytes")


@story("odd", "send 100; recv 100; sleep 0.6; send 100; once 100; close",
       "recv 100; send 100; recv 100; sleep 0.1; linger0; close")
def reset_after_pause(tale):
    """The peer acknowledges what comes after a pause, and aborts."""
    tale.wire().one("in", "R")
    tale.note("reset-by-peer", "!!", "recv")
    tale.has_none("data-lost", "reset-peer-forgot")
    tale.only("reset-by-peer")


@story("odd", "send 100; recv 100; sleep 0.6; sendall 300000; once 100; close",
       "recv 100; send 100; recv 5000; linger0; close")
def reset_in_upload(tale):
    """The peer aborts in the middle of an upload: some of it was acknowledged."""
    tale.wire().one("in", "R")
    tale.note("reset-by-peer", "!!")
    tale.has_none("reset-peer-forgot")
    tale.is_healthy("reset-by-peer", "data-lost", "dead-as-eof")


@story("odd", "sleep 0.6; send 100; recv 100; close", "send 100; sleep 0.3; recv 100; send 100; drain")
def unread_greeting(tale):
    """A greeting waits unread while the connection is idle."""
    tale.has_none("stale-reuse")
    tale.is_healthy("closed-with-unread-data")


@story("odd", "send 100; recv 200; sleep 0.6; send 100; recv 100; close",
       "recv 100; send 100; sleep 1; send 100; recv 100; send 100; drain")
def slow_answer_twin(tale):
    tale.is_healthy()


@story("odd", "send 100; recv 100; sleep 0.1; send 70; sleep 0.1; once 100; close", "recv 100; send 100; close")
def fin_just_before(tale):
    """The FIN came just before the write: no pause, but the loss is the same."""
    wire = tale.wire()
    if not wire.find("in", "F") or wire.one("in", "F").time > tale.step("send", 1).start:
        return  # not what was to be shown: the write was first
    wire.one("in", "R", after=wire.one("in", "F").time)
    tale.note("reset-after-fin", "!!", "recv")
    tale.note("data-lost", "!!", "recv").count(": ", 70, " bytes")
    tale.is_healthy("stale-reuse", "reset-after-fin", "data-lost")


@story("odd", "send 100; recv 100; sleep 0.6; send 70; close", "recv 100; send 100; sleep 0.3; linger0; close")
def abort_while_idle(tale):
    """The peer aborts the idle connection; the next write reports it."""
    tale.wire().one("in", "R")
    tale.note("reset-by-peer", "!!", "send")
    tale.has_none("data-lost", "reset-peer-forgot")
    tale.only("reset-by-peer")


@story("odd", "sendall 5000000; once 100; close", "sleep 0.7; linger0; close")
def abort_while_blocked(tale):
    """The peer's program aborts while a write waits for its window."""
    tale.wire().one("in", "R")
    tale.note("reset-by-peer", "!!", "send")
    tale.has_none("reset-peer-forgot", "timed-out-data")
    tale.is_healthy("reset-by-peer", "data-lost", "dead-as-eof", "peer-window-closed")


@story("odd", "send 100; recv 100; send 100; sleep 0.2; send 50; sleep 0.1; once 100; close",
       "recv 100; send 100; sleep 0.1; close")
def pipelined(tale):
    """The second request was acknowledged by the peer's kernel, and its program closed without reading it."""
    tale.wire().one("in", "R")
    tale.has_none("reset-peer-forgot", "stale-reuse")
    tale.note("reset-by-peer", "!!", "recv|send")


@story("odd", "send 100; recv 100; sleep 6; send 100; recv 100; close", "recv 100; send 100; recv 100; send 100; drain")
def silent_twin(tale):
    """After 6 s of silence the peer answers."""
    wire = tale.wire()
    answer = wire.one("in", size=1)
    note = tale.note("peer-silent", "-", "send")
    note.duration("last heard from ", wire.one("out", size=1, after=answer.time).time - answer.time, " ago")
    tale.is_healthy()


@story("odd", "send 100; recv 100; after-close 0.5; sendall 400000; sleep 0.1; once 100; close", CLOSER)
def stale_upload(tale):
    """A large write into a connection that the peer has closed."""
    wire = tale.wire()
    fin = wire.one("in", "F")
    note = tale.note("stale-reuse", "!", "send")
    note.duration("written ", wire.one("out", size=1, after=fin.time).time - fin.time, " after the peer's FIN arrived")
    tale.note("reset-after-fin", "!!")
    lost = int(tale.step("sendall").result) if tale.step("sendall").result.isdigit() else None
    if lost:
        tale.note("data-lost", "!!").count(": ", lost, " bytes")
    tale.is_healthy("stale-reuse", "reset-after-fin", "data-lost", "dead-as-eof")


@story("odd", "more-requests 8; close", "answers 8; drain; close")
def nagle_more(tale):
    """MSG_MORE puts both parts into one segment."""
    tale.has_none("nagle-delay")
    tale.is_healthy()


@story("odd", "make; connect; close")
def refused(tale):
    wire = tale.wire()
    answer = wire.one("in", "R").time - wire.one("out", "S").time
    tale.note("connect-refused", "!", "connect").duration("refused after ", answer)
    tale.only("connect-refused")


@story("odd", "sndbuf 400000; sendall 300000; once 100; close", "recv 5000; sleep 0.2; linger0; close")
def upload_aborted(tale):
    """Some of the upload was acknowledged: the rest is lost, to the byte."""
    wire = tale.wire()
    wire.one("in", "R")
    tale.note("reset-by-peer", "!!")
    acked = max(s.ack for s in wire.find("in", "A") if "R" not in s.flags) - wire.segments[0].seq - 1
    if tale.step("sendall").result == "300000":
        tale.note("data-lost", "!!").count(": ", 300000 - (acked & 0xFFFFFFFF), " bytes")
    tale.is_healthy("reset-by-peer", "data-lost", "dead-as-eof")


@story("odd", "send 100; shut; once 100; close", "sleep 0.3; linger0; close")
def aborted_after_half_close(tale):
    tale.wire().one("in", "R")
    tale.note("reset-by-peer", "!!", "recv")
    tale.only("reset-by-peer")


@story("odd", "corked 6; close", "answers 6; drain; close")
def corked(tale):
    """MSG_MORE holds a lone write for 200 ms: Nagle's algorithm is not the reason."""
    tale.has_none("nagle-delay")
    tale.is_healthy()
