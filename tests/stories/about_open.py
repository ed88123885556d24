"""Opening connections, and small writes."""

import time

from evidence import MS, S, Wrong
from stories import story, trouble

TALK = "send 100; recv 100; close"
ANSWER = "recv 100; send 100; drain"


@trouble("dropped")
def dropped(stage):
    """A firewall on kodos drops the first SYN to some ports, and the first two to others."""
    stage.told("ready")
    ports = {story.name: [str(port) for _, port in story.ports()] for story in stage.stories}
    stage.run("kodos", "nft", "add table inet stories")
    stage.run("kodos", "nft", "add chain inet stories in { type filter hook input priority 0; }")
    for name in ("once", "twice"):
        stage.run("kodos", "nft", f"add chain inet stories {name}")
        stage.run("kodos", "nft", f"add rule inet stories {name} tcp flags syn / syn,ack drop")
        for story_name, numbers in ports.items():
            if name in story_name:
                rule = f"add rule inet stories in tcp dport {{ {', '.join(numbers)} }} jump {name}"
                stage.run("kodos", "nft", rule)
    stage.touch("dark")
    time.sleep(0.5)
    stage.run("kodos", "nft", "flush chain inet stories once")
    time.sleep(1)
    stage.run("kodos", "nft", "flush chain inet stories twice")


def slow(tale, call, count):
    wire = tale.wire()
    syns = wire.find("out", "S")
    answer = wire.one("in", "S")
    if len(syns) <= count:
        raise Wrong(f"{len(syns)} SYNs on the wire: not what was to be shown")
    note = tale.note("connect-slow", "!", call)
    note.duration("connected after ", answer.time - syns[0].time)
    note.count("because ", len(syns) - 1, " of its SYNs")
    tale.only("connect-slow")


@story("dropped", "make; tell ready; await dark; connect; " + TALK, ANSWER)
def syn_dropped_once(tale):
    slow(tale, "connect", 1)


@story("dropped", "make; tell ready; await dark; connect; " + TALK, ANSWER)
def syn_dropped_twice(tale):
    slow(tale, "connect", 2)


@story("dropped", "make; tell ready; await dark; begin; poll 9000 4; error; block; " + TALK, ANSWER)
def syn_dropped_once_poll(tale):
    slow(tale, "poll", 1)


@story("dropped", "make; user-timeout 1300; tell ready; await dark; connect; close", ANSWER)
def syn_dropped_twice_and_given_up(tale):
    """TCP_USER_TIMEOUT ends the connect before the SYN gets through."""
    wire = tale.wire()
    note = tale.note("connect-timed-out", "!", "connect")
    note.duration("to any SYN for ", tale.step("connect").end - wire.one("out", "S").time)
    tale.only("connect-timed-out")


@story("dropped", "make; tell ready; await dark; connect; " + TALK, ANSWER)
def syn_twin(tale):
    tale.is_healthy()


# ---- accepting


def late(tale):
    """Compares the wait in the accept queue with the client's last segment, which is the handshake's or the request."""
    end = tale.step("accept").end
    last = tale.wire(tale.client_port()).last_before(end, "out")
    note = tale.note("accept-late", "!", "accept4?")
    note.duration("accepted ", end - last.time, " or more")
    return note


@story("open", "connect; tell here; " + TALK,
       "listen 5; meet here; sleep 2; accept; recv 100; send 100; close; stop", traced="server")
def accept_late(tale):
    late(tale)
    tale.only("accept-late")


@story("open", "connect; tell here; sleep 1.2; " + TALK,
       "listen 5; meet here; sleep 2.2; accept; recv 100; send 100; close; stop", traced="server")
def accept_late_data(tale):
    """The request comes 1.2 s after the handshake: what the kernel knows is a lower limit."""
    wire = tale.wire(tale.client_port())
    waited = tale.step("accept").end - wire.one("in", "S").time
    for note in tale.notes("accept-late"):
        told = float(note.take(r"accepted ([\d.]+) s or more")) * S
        if told > waited + 50 * MS:
            raise Wrong(f"it waited {waited / MS:.0f} ms: {note}")
    tale.is_healthy("accept-late")


@story("open", TALK, "listen 5; accept; recv 100; sleep 2; send 100; close; stop", traced="server")
def accept_twin(tale):
    """Accepted at once, answered late."""
    tale.is_healthy()


@story("open", "more 1; fire 1; tell here; sleep 2; close",
       "listen 1; meet here; sleep 1.4; accept; sleep 0.2; close; stop", traced="server")
def accept_queue_full(tale):
    """The backlog is 1, and two connections find room; the third gets no answer."""
    note = tale.note("accept-queue-full", "!", "accept4?")
    note.count("from it: ", 2, " connections")
    note.count("limit ", 1)
    late(tale)
    tale.only("accept-late", "accept-queue-full")


@story("open", "more 3; tell here; sleep 1; close",
       "listen 8; meet here; sleep 0.4; accept; sleep 0.2; close; stop", traced="server")
def accept_queue_twin(tale):
    tale.is_healthy()


# ---- Nagle's algorithm


def delays(tale):
    """How long after its write each second segment left, if that was long."""
    small = [s for s in tale.wire().find("out", size=1) if s.size == 50][1::2]
    writes = [step for step in tale.steps if step.name == "second"]
    return [sent.time - write.start for write, sent in zip(writes, small) if sent.time - write.start > 25 * MS]


@story("open", "requests 8; close", "answers 8; drain; close")
def nagle(tale):
    held = delays(tale)
    if len(held) < 4:
        raise Wrong(f"only {len(held)} delays on the wire: not what was to be shown")
    first = tale.notes("nagle-delay")[0]
    if first.severity != "-" or first.call.name != "recv":
        raise Wrong(f"{first.call.line} {first}")
    first.duration("held back for ", held[0])
    again = tale.note("nagle-delay", "!", "recv", 1)
    again.count("held back ", 3, " times")
    again.duration("times, ", sum(held[:3]), " in all")
    total = tale.note("nagle-delay", "-", "close", 2)
    total.count("small writes ", len(held), " times")
    total.duration("times, ", sum(held), " in all")
    tale.only("nagle-delay")


@story("open", "nodelay; requests 8; close", "answers 8; drain; close")
def nagle_nodelay(tale):
    tale.has_none("nagle-delay")
    tale.is_healthy()


@story("open", "nodelay; requests 8; close", "answers 8 0.042; drain; close")
def nagle_thinking_nodelay(tale):
    tale.has_none("nagle-delay")
    tale.is_healthy()


@story("open", "single-requests 8; close", "answers 8 0.042; drain; close")
def nagle_thinking(tale):
    """One write per request, and a server that thinks for 42 ms."""
    tale.has_none("nagle-delay")
    tale.is_healthy()


@story("open", "requests 8; close", "quick-answers 8 0.042; drain; close")
def nagle_quick(tale):
    """Two writes per request, a peer that acknowledges at once, and a server that thinks for 42 ms."""
    if delays(tale):
        tale.is_healthy("nagle-delay")
        return
    tale.has_none("nagle-delay")
    tale.is_healthy()


# ---- local ports and addresses


@trouble("ports")
def few_ports(stage):
    stage.told("ready")
    stage.run("kang", "sh", "-c", "echo 21000 21009 >/proc/sys/net/ipv4/ip_local_port_range")
    stage.touch("dark")


def exhausted(tale, time_waits):
    note = tale.note("ports-exhausted", "!", "connect")
    note.count("There are ", 10, " ports")
    told = int(note.take(r"and (\d+) sockets"))
    if not time_waits[0] <= told <= time_waits[1]:  # both tellings happen in one namespace
        raise Wrong(f"between {time_waits} in sockstat: {note}")
    tale.only("ports-exhausted")


@story("ports", "make; tell ready; await dark; churn 10; sockstat; connect; sockstat", "drain")
def ports_exhausted(tale):
    """All ten ports to this server are in TIME_WAIT."""
    exhausted(tale, [int(tale.step("sockstat", place).result) for place in (0, 1)])


@story("ports", "make; tell ready; await dark; churn 5; connect; send 100; drain; close", "recv 100; close")
def ports_twin(tale):
    tale.has_none("ports-exhausted", "no-local-address")
    tale.is_healthy()


@trouble("noaddress")
def no_address(stage):
    stage.told("ready")
    for device in ("veth0", "lo"):
        stage.run("kang", "ip", "-6", "address", "flush", "dev", device)
    stage.run("kang", "ip", "-6", "route", "add", "fd00::/64", "dev", "veth0")
    stage.touch("dark")


@story("noaddress", "make; tell ready; await dark; connect; close", "drain", address="fd00::2")
def no_local_address(tale):
    tale.note("no-local-address", "!", "connect")
    tale.only("no-local-address")


@story("noaddress", "make; tell ready; await dark; connect; " + TALK, ANSWER)
def local_address_twin(tale):
    tale.is_healthy()
