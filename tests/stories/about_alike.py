"""Faults that look like others: each was told wrongly once."""

import time

from about_dead import ASK
from about_idle import no_stale_reuse
from evidence import MS, S, Wrong
from stories import story, trouble


@story("alike", "send 100; sleep 0.5; shut; drain; close", "listen 5; accept; recv 100; sleep 1; send 100; close", traced="server")
def half_close_later(tale):
    """The half-close comes 500 ms after the request: the peer is no longer sending, and waits for the answer."""
    no_stale_reuse(tale)


@story("alike", "send 100; recv 100; exec sleep 1 _ send 70 _ sleep 0.1 _ once 100 _ close",
       "recv 100; send 100; close")
def adopted_stale(tale):
    """The peer has closed before the program that inherits the connection begins; that one writes."""
    wire = tale.wire()
    fin = wire.one("in", "F")
    write = wire.one("out", size=70, after=fin.time)
    note = tale.note("stale-reuse", "!", "send")
    note.duration("written ", write.time - fin.time, " after the peer's FIN arrived")


@story("alike", "tls 1.3; send 100; recv 100; sleep 0.8; send 2; sleep 0.1; raw-once; raw-close",
       "tls-server 1.3; recv 100; send 100; sleep 0.1; notify; close")
def tls13_small_data(tale):
    """Two bytes of the program (a WebSocket ping of a server, say) have the size of an alert in TLS 1.3."""
    for note in tale.notes():
        if "TLS alert" in note.text and "by its type or size" not in note.text:
            raise Wrong(f"it was data of the program: {note}")


@trouble("flight")
def flight(stage):
    """A short loss on the path, and later kang's own link goes down in the middle of an upload."""
    stage.told("ready")
    line = stage.run("kodos", "ip", "-o", "link", "show", "veth0")
    right = line.split("link/ether ")[1].split()[0]
    neighbour = ["ip", "neigh", "replace", stage.address["kodos"], "nud", "permanent", "dev", "veth0", "lladdr"]
    stage.run("kang", *neighbour, "02:00:00:00:00:99")
    stage.touch("cut")
    time.sleep(0.5)
    stage.run("kang", *neighbour, right)
    time.sleep(1.5)
    stage.link("kang", "down")


@story("flight", ASK + "pacing 20000000; tell ready; await cut; send 100; recv 100; pour 100; once 100; close",
       "recv 100; send 100; recv 100; send 100; drain")
def unplugged_flight(tale):
    """tcpi_total_retrans is not 0 from the beginning."""
    tale.has_none("peer-window-closed", "reset-peer-forgot", "reset-by-peer")
    death = tale.note("timed-out-data", "!!", "send|recv|poll")
    if "this machine's own link or route was gone" not in death.text:
        last = tale.wire().find("in")[-1]
        raise Wrong(f"the last window on the wire was {last.window} bytes: {death}")


@story("alike", "send 100; recv 100; sleep 0.6; send 100; once 100; close", "recv 100; send 100; recv 100; linger0; close")
def abort_at_once(tale):
    """The peer's program reads the request and aborts before its kernel has acknowledged it by a segment of its own; the
    reset acknowledges it on the wire, but not in tcp_info. The note may not say that it must be one of two other causes."""
    wire = tale.wire()
    reset, write = wire.one("in", "R"), wire.find("out", size=1)[-1]
    if reset.ack != write.seq + write.size:
        return
    for note in tale.notes("reset-peer-forgot"):
        if "abort" not in note.text and "crash" not in note.text:
            raise Wrong(f"the reset acknowledges all, and the program has read all: {note}")


@story("alike", "keepalive 1 1 9; send 100; recv 100; sleep 4; send 70; sleep 0.1; once 100; close",
       "recv 100; send 100; sleep 0.5; close")
def stale_keepalive(tale):
    """Keepalive probes have been answered since the FIN: its age is a lower limit, and so the pause before an upper one."""
    wire = tale.wire()
    fin = wire.one("in", "F")
    note = tale.note("stale-reuse", "!", "send")
    idle = fin.time - wire.last_before(fin.time, moved=True).time
    if "after at most" not in note.text:
        note.duration("closed it after ", idle, " without traffic")


@story("alike", "chat 10 0.1 12; close", "recv 30; sleep 0.02; close")
def chatty(tale):
    """The client writes every 100 ms and never looks: FIN, data, RST, EPIPE."""
    wire = tale.wire()
    if not wire.find("in", "F"):
        return
    wire.one("in", "R")
    tale.note("reset-after-fin", "!!", "send")
    tale.has_none("dead")


@story("alike", "send 1000; send 1000; recv 100; " * 6 + "close",
       "rcvbuf 1; " + "sleep 0.1; recv 2000; send 100; " * 6 + "drain; close")
def held_by_window(tale):
    """The peer's receive buffer is tiny: its window holds the second write, not Nagle's algorithm."""
    tale.has_none("nagle-delay")
    tale.is_healthy()


@trouble("crowded")
def crowded_trouble(stage):
    stage.told("ready")
    for device in ("veth0", "lo"):
        stage.run("kang", "ip", "-6", "address", "flush", "dev", device)
    stage.run("kang", "ip", "-6", "route", "add", "fd00::/64", "dev", "veth0")
    stage.run("kang", "sh", "-c", "echo 21000 21019 >/proc/sys/net/ipv4/ip_local_port_range")
    stage.touch("dark")


@story("crowded", "more 14; make; tell ready; await dark; connect; close", "drain", address="fd00::2")
def crowded(tale):
    """Many sockets are in use, as on a server, but not the ports for outgoing connections."""
    tale.note("no-local-address", "!", "connect")
    tale.has_none("ports-exhausted")
