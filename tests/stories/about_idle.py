"""The peer closes a connection that lies idle."""

from stories import story

PAUSES = {"short": 0.5, "middle": 3, "long": 8}


def first_write(tale):
    """The segment of the write after the pause, the FIN before it, and the last data before that."""
    wire = tale.wire()
    fin = wire.one("in", "F")
    return wire, fin, wire.last_before(fin.time, moved=True)


def tell_stale(tale, call="send"):
    wire, fin, last = first_write(tale)
    write = wire.one("out", size=1, after=fin.time)
    note = tale.note("stale-reuse", "!", call)
    note.duration("written ", write.time - fin.time, " after the peer's FIN arrived")
    note.duration("closed it after ", fin.time - last.time, " without traffic")
    tale.has_none("peer-silent", "reset-peer-forgot", "reset-by-peer")
    return wire, write


def make(name, pause):
    begin = "send 100; recv 100; "
    server = f"recv 100; send 100; sleep {pause}; close; tell closed"
    wait = "after-close 0.6; "

    def stale_write(tale):
        wire, write = tell_stale(tale)
        reset = tale.note("reset-after-fin", "!!", "recv")
        lost = tale.note("data-lost", "!!", "recv")
        lost.count(": ", 70, " bytes")
        reset.is_verified()
        wire.one("in", "R", after=write.time)
        tale.only("stale-reuse", "reset-after-fin", "data-lost")

    stale_write.__name__ = f"stale_write_{name}"
    story("idle", begin + wait + "send 70; sleep 0.1; once 100; close", server)(stale_write)

    def stale_poll(tale):
        wire, fin, _ = first_write(tale)
        note = tale.note("peer-fin", "-", "recv")
        note.duration("read ", tale.step("once").end - fin.time, " after the peer's FIN arrived")
        tale.is_healthy()

    stale_poll.__name__ = f"stale_poll_{name}"
    story("idle", begin + wait + "poll 0; once 100; close", server)(stale_poll)

    def stale_read(tale):
        wire, fin, _ = first_write(tale)
        note = tale.note("peer-fin", "-", "recv")
        note.duration("read ", tale.step("once").end - fin.time, " after the peer's FIN arrived")
        tale.is_healthy()

    stale_read.__name__ = f"stale_read_{name}"
    story("idle", begin + wait + "once 100; close", server)(stale_read)

    def stale_close(tale):
        wire, fin, _ = first_write(tale)
        note = tale.note("closed-after-peer", "-", "close")
        note.duration("closed ", tale.step("close").start - fin.time, " after the peer's FIN arrived")
        opened, closed = tale.step("connect"), tale.step("close")
        note.duration("open for ", closed.start - opened.end, most=closed.end - opened.start)
        note.count("sent ", 100, " bytes")
        note.count("received ", 100, " bytes")
        note.is_verified()
        tale.is_healthy()

    stale_close.__name__ = f"stale_close_{name}"
    story("idle", begin + wait + "close", server)(stale_close)

    def stale_twin(tale):
        tale.has_none("stale-reuse")
        tale.is_healthy()

    stale_twin.__name__ = f"stale_twin_{name}"
    story("idle", begin + f"sleep {pause + 0.6}; send 100; recv 100; close",
          "recv 100; send 100; recv 100; send 100; drain")(stale_twin)


for _name, _pause in PAUSES.items():
    make(_name, _pause)


def no_stale_reuse(tale):
    tale.has_none("stale-reuse")
    tale.is_healthy()


@story("idle", "send 100; shut; drain; close", "listen 5; accept; recv 100; sleep 1; send 100; close", traced="server")
def half_close_answered(tale):
    no_stale_reuse(tale)


@story("idle", "send 100; shut; drain; close", "listen 5; accept; drain; sleep 1.6; send 100; close", traced="server")
def half_close_read(tale):
    """The server reads the end of stream, and answers 1.6 s later."""
    tale.has_none("stale-reuse")
    wire = tale.wire(tale.client_port())
    note = tale.note("write-after-fin", "!", "send")
    note.duration("written ", wire.one("in", size=1).time - wire.one("out", "F").time, " after the peer's FIN")
    tale.only("write-after-fin")


@story("idle", "send 100; recv 100; sleep 1; recv 100; sleep 0.5; send 70; sleep 0.1; once 100; close",
       "recv 100; send 100; sleep 0.7; send 100 32768; shut; close")
def fin_with_data(tale):
    """The answer and the FIN come in one segment; a second later the connection is used again."""
    wire = tale.wire()
    fin = wire.one("in", "F")
    write = wire.one("out", size=1, after=fin.time)
    note = tale.note("stale-reuse", "!", "send")
    note.duration("written ", write.time - fin.time, " after the peer's FIN arrived")
    note.duration("closed it after ", 0, " without traffic")
    tale.note("reset-after-fin", "!!", "recv")
    tale.note("data-lost", "!!").count(": ", 70, " bytes")
    tale.only("stale-reuse", "reset-after-fin", "data-lost")
