"""Restrictions: no_new_privs alone changes nothing; a seccomp filter is reported once."""

from evidence import Wrong
from stories import story

TALK = "send 100; recv 100; after-close 0.5; send 70; sleep 0.1; once 100; close"
SERVER = "recv 100; send 100; sleep 0.3; close; tell closed"
REPORTED = "seccomp"


def lines_about_filter(tale):
    return [call.line for call in tale.calls if call.line.startswith("*** tcpshim") and REPORTED in call.line]


@story("filter", "make; no-new-privs; connect; " + TALK, SERVER)
def no_new_privs(tale):
    if lines_about_filter(tale):
        raise Wrong("there is no filter")
    tale.note("stale-reuse", "!", "send")
    tale.note("reset-after-fin", "!!", "recv")
    tale.note("data-lost", "!!").count(": ", 70, " bytes")


def filtered(tale):
    lines = lines_about_filter(tale)
    if len(lines) != 1:
        raise Wrong(f"{len(lines)} lines about the filter, not 1")
    tale.has_none("stale-reuse", "closed-first", "closed-after-peer")
    if any("SYN_SENT." in note.text for note in tale.notes("closed") + tale.notes("left-open-at-exit")):
        raise Wrong("shown as SYN_SENT at its end")


def add(how):
    def client(tale):
        filtered(tale)
        for call in tale.calls:
            if call.name == "close" and not call.notes:
                raise Wrong("the close has no note")
        tale.is_healthy()

    client.__name__ = f"filter_{how}_client"
    story("filter", f"make; filter {how}; connect; send 100; recv 100; close", "recv 100; send 100; drain")(client)

    def later(tale):
        filtered(tale)
        tale.is_healthy()

    later.__name__ = f"filter_{how}_later"
    story("filter", f"send 100; recv 100; filter {how}; send 100; recv 100; close",
          "recv 100; send 100; recv 100; send 100; drain")(later)

    def background(tale):
        filtered(tale)
        end = [note for note in tale.notes("closed") if note.call.name == "close"]
        if not end or "sent 100 bytes, received 100 bytes" not in end[0].text:
            raise Wrong("the close does not tell what was transferred")
        tale.is_healthy()

    background.__name__ = f"filter_{how}_background"
    story("filter", f"make; filter {how}; begin; poll 4000 4; error; block; send 100; recv 100; close",
          "recv 100; send 100; drain")(background)

    def server(tale):
        filtered(tale)
        peer = f"{tale.client_port()}"
        note = tale.note("accepted", "-", "accept4?")
        if f"10.88.88.139:{peer}" not in note.text:
            raise Wrong(f"the peer's port is {peer}: {note}")
        tale.is_healthy()

    server.__name__ = f"filter_{how}_server"
    steps = f"listen 5; filter {how}; accept; recv 100; send 100; close; stop"
    story("filter", "send 100; recv 100; drain; close", steps, traced="server")(server)

    def reset(tale):
        filtered(tale)
        tale.note("reset-by-peer", "!!", "recv")
        tale.has_none("data-lost", "reset-peer-forgot")

    reset.__name__ = f"filter_{how}_reset"
    story("filter", f"filter {how}; send 100; recv 100; once 100; close",
          "recv 100; send 100; sleep 0.2; linger0; close")(reset)


add("prctl")
add("syscall")


# ---- a real program that sets no_new_privs, and the same program told not to

CURL = "curl -s http://{address}:{port}/ http://{address}:{port}/".split()
HAPROXY = "!haproxy -db -f {place}/haproxy.{port}"


def haproxy_settings(address, port, extra):
    """The configuration of an haproxy that answers by itself."""
    lines = (
        "global",
        extra,
        "defaults",
        "mode http",
        "timeout connect 5s",
        "timeout client 5s",
        "timeout server 5s",
        "listen front",
        f"bind {address}:{port}",
        "http-request return status 200 content-type text/plain string yes",
        "",
    )
    return "\n".join(lines)


def answers(tale):
    if open(f"{tale.place}/{tale.name}.{tale.way}.client.err", encoding="utf-8").read() != "yesyes":
        raise Wrong("curl did not get its pages")
    if lines_about_filter(tale):
        raise Wrong("there is no filter")
    tale.is_healthy()
    return sorted(note.id for note in tale.notes())


@story("filter", program=CURL, server=HAPROXY, traced="server", settings=haproxy_settings,
       extra="insecure-setuid-wanted")
def haproxy_insecure(tale):
    answers(tale)


@story("filter", program=CURL, server=HAPROXY, traced="server", settings=haproxy_settings)
def haproxy(tale):
    """The notes are the same as without no_new_privs."""
    without = answers(type(tale)(tale.place, "haproxy_insecure", tale.way, 0))
    told = answers(tale)
    if told != without or "accepted" not in told:
        raise Wrong(f"notes {told}, without no_new_privs {without}")
