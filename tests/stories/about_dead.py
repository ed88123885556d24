"""The peer, its machine or a link is gone."""

import time

from evidence import MS, S, Wrong
from stories import story, trouble

ASK = "send 100; recv 100; "
ANSWER = "recv 100; send 100; recv 100"
FILL = "tell ready; await dark; fill 9000000; wait-room 100 15; poll 9000 4; once 100; close"


@trouble("cycle")
def cycle(stage):
    """kodos loses its power and comes back, with its addresses and without its connections."""
    stage.told("ready")
    time.sleep(0.1)
    stage.link("kodos", "down")
    stage.link("kang", "down")
    stage.run("kodos", "ss", "-HtnK", "state", "established")
    time.sleep(0.1)
    stage.link("kodos", "up")
    stage.link("kang", "up")
    stage.wait(lambda: all("state UP" in stage.run(side, "ip", "link", "show", "veth0") for side in ("kang", "kodos")),
               "the link is up")
    stage.touch("back")


def forgot(tale, call):
    wire = tale.wire()
    answer = wire.one("in", size=1)
    wire.one("in", "R", after=wire.one("out", size=70, after=answer.time).time)
    # Its first segment may be lost while the link comes up.
    write = tale.step("send", 1).start
    note = tale.note("reset-peer-forgot", "!!", call)
    note.duration("the data written after ", write - answer.time, " of silence")
    tale.note("data-lost", "!!", call).count(": ", 70, " bytes")
    tale.only("reset-peer-forgot", "data-lost")


def add_cycle(seconds):
    wait = f"tell ready; await back; since recv {seconds}; send 70; "

    def add(name, steps, call):
        def check(tale):
            forgot(tale, call)

        check.__name__ = f"cycle_{name}_{seconds}"
        story("cycle", ASK + wait + steps, ANSWER)(check)

    add("read", "once 100; close", "recv")
    add("poll", "poll 2000; close", "poll")
    add("late", "sleep 0.3; once 100; close", "recv")


for _seconds in (1, 2, 4):
    add_cycle(_seconds)


def reset_of_probe(tale, call):
    wire = tale.wire()
    reset = wire.one("in", "R")
    heard = wire.last_before(reset.time, "in")
    note = tale.note("reset-peer-forgot", "!!", call)
    if "in answer to a keepalive probe" not in note.text:
        raise Wrong(f"the wire shows a probe: {note}")
    note.duration("last heard ", reset.time - heard.time)
    tale.only("reset-peer-forgot")


@story("cycle", ASK + "tell ready; await back; since recv 1; send 70; send 50; sleep 0.2; send 30; close", ANSWER)
def cycle_writes(tale):
    """Two writes in a row; the third reports the reset."""
    wire = tale.wire()
    answer = wire.one("in", size=1)
    note = tale.note("reset-peer-forgot", "!!", "send")
    note.duration("the data written after ", tale.step("send", 1).start - answer.time, " of silence")
    lost = sum(int(step.result) for step in tale.steps if step.name == "send" and step.result.isdigit()) - 100
    tale.note("data-lost", "!!", "send").count(": ", lost, " bytes")
    tale.is_healthy("reset-peer-forgot", "data-lost", "broken-pipe-dead")


@story("cycle", ASK + "tell ready; await back; since recv 1; asyncio 300000; sleep 0.2; once 100; close", ANSWER)
def cycle_upload(tale):
    """A large write: nothing of it is acknowledged."""
    tale.has_none("reset-by-peer")
    tale.note("reset-peer-forgot", "!!", "send|recv|epoll_wait")
    tale.note("data-lost", "!!")
    tale.is_healthy("reset-peer-forgot", "data-lost", "dead-as-eof")


@story("cycle", ASK + "keepalive 3 1 3; tell ready; once 100; close", ANSWER)
def cycle_probe(tale):
    reset_of_probe(tale, "recv")


@story("cycle", ASK + "keepalive 3 1 3; tell ready; poll 8000; close", ANSWER)
def cycle_probe_poll(tale):
    reset_of_probe(tale, "poll")


def by_peer(tale, call):
    tale.wire().one("in", "R")
    tale.note("reset-by-peer", "!!", call)
    tale.has_none("data-lost", "reset-peer-forgot", "reset-after-fin")
    tale.only("reset-by-peer")


@story("idle", ASK + "send 100; once 100; close", "recv 100; send 100; recv 100; sleep 0.3; linger0; close")
def crash(tale):
    by_peer(tale, "recv")


@story("idle", ASK + "send 100; sleep 0.5; poll 3000; close", "recv 100; send 100; recv 100; sleep 0.3; linger0; close")
def crash_poll(tale):
    by_peer(tale, "poll")


@story("idle", "send 100; once 100; close", "sleep 0.3; close")
def closed_unread(tale):
    """The peer's program closes without reading what its kernel has acknowledged."""
    by_peer(tale, "recv")


@story("idle", ASK * 3 + "close", "recv 100; send 100; " * 3 + "drain")
def crash_twin(tale):
    step = tale.step("connect")
    wire = tale.wire()
    shaken = wire.one("in", "S").time - wire.one("out", "S").time
    told = tale.note("connected", "-", "connect").seconds("connected in ")
    if not shaken - 5 * MS <= told * S <= step.end - step.start + 5 * MS:
        raise Wrong(f"{told} s; the wire {shaken / S}, the call {(step.end - step.start) / S}")
    note = tale.note("closed-first", "-", "close")
    note.duration("open for ", tale.step("close").start - step.end, most=tale.step("close").end - step.start)
    note.count("sent ", 300, " bytes")
    note.count("received ", 300, " bytes")
    tale.is_healthy()


# ---- kodos is gone, kang keeps its link


@trouble("gone")
def gone(stage):
    stage.told("ready")
    time.sleep(0.3)
    # Frames to an address that nobody has. If kodos's end of the cable went down, kang's would have no carrier.
    stage.run("kang", "ip", "neigh", "replace", stage.address["kodos"], "lladdr", "02:00:00:00:00:99", "nud",
              "permanent", "dev", "veth0")
    stage.touch("dark")


def moment(tale, note):
    """When a note of the first poll was given: live text announces a long wait after a second."""
    step = tale.step("poll")
    return step.start + S if note.call.is_sleeping else step.end


def count_expiries(note, sent):
    """The first retransmission may be a loss probe, which does not need the timer; the last expiry sends nothing."""
    told = int(note.take(r"expired (\d+) times"))
    if not sent - 1 <= told <= sent + 1:
        raise Wrong(f"{sent} retransmissions on the wire: {note}")


def written(tale):
    """What the program wrote after its question: what filled the buffer, and what found room later."""
    return sum(int(step.result) for step in tale.steps if step.name in ("fill", "found"))


def died(tale):
    """When the program was told: at the first poll that found something, or at the read."""
    polls = [step for step in tale.steps if step.name == "poll" and step.result != "0"]
    return (polls or [tale.step("once")])[0].end


def acknowledged(wire):
    """How much of that the peer acknowledged."""
    last = wire.find("in")[-1]
    return (last.ack - wire.segments[0].seq - 1 - 100) & 0xFFFFFFFF


def time_of_death(tale, name="once"):
    return tale.step(name).end


@story("gone", ASK + "keepalive 1 1 3; tell ready; once 100; close", ANSWER)
def keepalive_death(tale):
    """Probing begins TCP_KEEPIDLE after the peer was last heard; the probes after that one got no answer."""
    wire = tale.wire()
    end = time_of_death(tale)
    heard = wire.last_before(end, "in")
    probes = [s for s in wire.find("out", size=0, after=heard.time + 500 * MS) if s.time < end and "R" not in s.flags]
    note = tale.note("timed-out-keepalive", "!!", "recv")
    note.count("keepalive: ", len(probes), " probes got no answer")
    note.duration("last heard ", end - heard.time, " ago")
    note.duration("probing began ", end - probes[0].time, " ago")
    tale.only("timed-out-keepalive")


@story("gone", ASK + "keepalive 1 1 2; user-timeout 2500; tell ready; poll 9000; once 100; close", ANSWER)
def keepalive_user_death(tale):
    wire = tale.wire()
    end = tale.step("poll").end
    heard = wire.last_before(end, "in")
    tale.has_none("data-lost", "reset-by-peer", "reset-peer-forgot")
    tale.is_healthy("timed-out-keepalive", "timed-out-user", "dead")


@story("gone", ASK + "tell ready; await dark; send 1000; once 100; close", ANSWER)
def gone_data(tale):
    """tcp_retries2 is 3 here."""
    wire = tale.wire()
    first = wire.one("out", size=1000)
    end = time_of_death(tale)
    note = tale.note("timed-out-data", "!!", "recv")
    note.duration("acknowledged for ", end - first.time)
    sent = len([s for s in wire.find("out", size=1000) if s.time <= end]) - 1
    note.count(r"times \(", sent, " retransmissions")
    count_expiries(note, sent)
    tale.note("data-lost", "!!").count(": ", 1000, " bytes")
    tale.only("timed-out-data", "data-lost", "retransmitting")


@story("gone", ASK + "tell ready; await dark; send 1000; poll 1500; poll 9000; once 100; close", ANSWER)
def gone_retransmitting(tale):
    wire = tale.wire()
    first = wire.one("out", size=1000)
    note = tale.note("retransmitting", "!", "poll")
    then = moment(tale, note)
    note.count(": ", 1000, " bytes not acknowledged")
    note.duration("acknowledged for ", then - first.time)
    count_expiries(note, len([s for s in wire.find("out", size=1000) if s.time <= then]) - 1)
    tale.note("timed-out-data", "!!", "poll|recv")
    tale.is_healthy("retransmitting", "timed-out-data", "data-lost")


@story("gone", ASK + FILL, ANSWER)
def gone_full(tale):
    """A non-blocking writer fills the send buffer after the link has gone."""
    wire = tale.wire()
    tale.has_none("peer-window-closed", "send-buffer-full")
    tale.note("retransmitting", "!", "poll|send").count(": ", written(tale), " bytes not acknowledged")
    tale.note("timed-out-data", "!!")
    tale.note("data-lost", "!!").count(": ", written(tale), " bytes")


@story("gone", ASK + "keepalive 1 1 3; tell ready; poll 9000; close", ANSWER)
def keepalive_death_poll(tale):
    """The program only polls, and never reads the error."""
    wire = tale.wire()
    end = tale.step("poll").end
    heard = wire.last_before(end, "in")
    probes = [s for s in wire.find("out", size=0, after=heard.time + 500 * MS) if s.time < end and "R" not in s.flags]
    note = tale.note("timed-out-keepalive", "!!", "poll")
    note.count("keepalive: ", len(probes), " probes got no answer")
    note.duration("last heard ", end - heard.time, " ago")
    note.duration("probing began ", end - probes[0].time, " ago")
    tale.only("timed-out-keepalive")


@story("gone", ASK + "user-timeout 1500; tell ready; await dark; send 1000; once 100; close", ANSWER)
def gone_user_timeout(tale):
    wire = tale.wire()
    wrote, end = wire.one("out", size=1000).time, tale.step("once").end
    note = tale.note("timed-out-user", "!!", "recv")
    note.duration(r"TCP_USER_TIMEOUT \(", 1500 * MS)
    note.count(r"\)\. ", 1000, " bytes waited")
    sent = len([s for s in wire.find("out", size=1000) if s.time <= end]) - 1
    count_expiries(note, sent)
    note.count(r"times \(", sent, " retransmissions")
    tale.note("data-lost", "!!").count(": ", 1000, " bytes")
    tale.only("timed-out-user", "data-lost")


@story("gone", ASK + "fill 9000000; sleep 0.3; " * 3 + FILL, "recv 100; send 100; sleep 60")
def gone_window(tale):
    """The peer's window is closed, and then the peer is gone: probes get no answer."""
    wire = tale.wire()
    note = tale.note("timed-out-data", "!!", "recv|poll|send")
    told = int(note.take(r"and (\d+) probes of it"))
    heard = wire.last_before(tale.steps[-1].end, "in")
    probes = [s for s in wire.find("out", size=0) + wire.find("out", size=1) if s.time > heard.time]
    if not len(probes) - 1 <= told <= len(probes) + 1:
        raise Wrong(f"{len(probes)} probes on the wire: {note}")
    note.duration("acknowledged for ", died(tale) - heard.time)
    tale.note("data-lost", "!!").count(": ", written(tale) - acknowledged(wire), " bytes")


@story("gone", ASK + "pacing 20000000; tell ready; pour 100; once 100; close", "recv 100; send 100; drain")
def gone_flight(tale):
    """The peer vanishes in the middle of an upload."""
    tale.has_none("peer-window-closed", "reset-peer-forgot", "reset-by-peer")
    tale.note("timed-out-data", "!!", "send|recv|poll")
    wire = tale.wire()
    end = tale.step("pour").end
    acked = wire.last_before(end, "in")
    first = wire.segments[0].seq + 1 + 100  # after the SYN and the question
    sent = sum(int(step.result) for step in tale.steps if step.name == "written")
    tale.note("data-lost", "!!").count(": ", sent - ((acked.ack - first) & 0xFFFFFFFF), " bytes")


# ---- kang's own link is down


@trouble("unplugged")
def unplugged(stage):
    stage.told("ready")
    time.sleep(0.3)
    stage.link("kang", "down")
    stage.touch("dark")


@story("unplugged", ASK + "tell ready; await dark; send 1000; poll 1500; poll 9000; once 100; close", ANSWER)
def unplugged_data(tale):
    """The link is down before the write: nothing of it is on the wire."""
    if tale.wire().find("out", size=1000):
        raise Wrong("the wire has the data")
    wrote = tale.step("send", 1)
    note = tale.note("retransmitting", "!", "poll")
    if "this machine's own link or route is gone" not in note.text:
        raise Wrong(str(note))
    note.count(": ", 1000, " bytes")
    note.duration("acknowledged for ", moment(tale, note) - wrote.start)
    end = tale.step("once").end
    death = tale.note("timed-out-data", "!!")
    if "this machine's own link or route was gone" not in death.text:
        raise Wrong(str(death))
    death.duration("acknowledged for ", end - wrote.start)
    tale.note("data-lost", "!!").count(": ", 1000, " bytes")
    tale.is_healthy("retransmitting", "timed-out-data", "data-lost", "dead")


@story("unplugged", ASK + FILL, ANSWER)
def unplugged_full(tale):
    tale.has_none("peer-window-closed")
    note = tale.note("retransmitting", "!", "poll|send")
    if "this machine's own link or route is gone" not in note.text:
        raise Wrong(str(note))
    note.count(": ", written(tale), " bytes not acknowledged")
    death = tale.note("timed-out-data", "!!")
    if "this machine's own link or route was gone" not in death.text:
        raise Wrong(str(death))
    tale.note("data-lost", "!!").count(": ", written(tale), " bytes")


# ---- a read that hangs


@story("idle", "send 100; once 100; close", "recv 100; sleep 2.5; send 100; drain")
def hanging_read(tale):
    """Live text announces the read when it begins; a recording says it when the read returns."""
    note = tale.note("no-failure-detection", "-", "recv")
    if (tale.way == "live") != note.call.is_sleeping:
        raise Wrong(f"at the wrong line: {note.call.line}")
    tale.is_healthy()


@story("idle", "keepalive 10 1 3; send 100; once 100; close", "recv 100; sleep 2.5; send 100; drain")
def hanging_read_keepalive(tale):
    tale.has_none("no-failure-detection")
    tale.is_healthy()


@story("idle", "rcvtimeo 2; send 100; once 100; close", "recv 100; sleep 2.5; send 100; drain")
def hanging_read_timeout(tale):
    tale.has_none("no-failure-detection")
    tale.is_healthy()


@story("idle", "send 100; poll 2200; once 100; close", "recv 100; sleep 1.5; send 100; drain")
def waiting_with_limit(tale):
    tale.has_none("no-failure-detection")
    tale.is_healthy()
