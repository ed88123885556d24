"""The end of a TLS session, and what is a loss there."""

from evidence import Wrong
from stories import story

# The server ends its session and closes at once; the client says close_notify to a peer that has closed.
SERVER = "tls-server {0}; recv 100; send 100; sleep 0.1; notify; close"


def ordinary(tale):
    """An ordinary end, whether a reset answers close_notify or not."""
    tale.is_healthy()


def add(version):
    name = "tls" + version.replace(".", "")
    begin = f"tls {version}; send 100; recv 100; "
    server = SERVER.format(version)

    def add_end(suffix, steps):
        def check(tale):
            ordinary(tale)

        check.__name__ = f"{name}_{suffix}"
        story("tls", begin + steps, server)(check)

    add_end("at_once", "recv 1; notify; close")
    add_end("pause", "recv 1; sleep 0.4; notify; close")
    add_end("unread", "sleep 0.4; notify; close")
    add_end("read_after", "recv 1; sleep 0.4; notify; sleep 0.1; raw-once; raw-close")
    add_end("poll_after", "recv 1; sleep 0.4; notify; sleep 0.1; poll 100; raw-close")

    def lost(tale):
        """Data of the program after the FIN is no alert."""
        wire = tale.wire()
        fin = wire.one("in", "F")
        record = wire.one("out", size=300, after=fin.time)
        wire.one("in", "R", after=record.time)
        tale.note("reset-after-fin", "!!", "read|recv|close")
        tale.note("data-lost", "!!", "read|recv|close").count(": ", record.size, " bytes")
        tale.is_healthy("stale-reuse", "reset-after-fin", "data-lost", "write-after-fin")

    lost.__name__ = f"{name}_data_lost"
    story("tls", begin + "sleep 0.5; send 300; sleep 0.1; raw-once; raw-close", server)(lost)

    def lost_small(tale):
        """Two bytes of the program, as small as an alert."""
        wire = tale.wire()
        record = wire.one("out", size=1, after=wire.one("in", "F").time)
        if version == "1.2":
            tale.note("data-lost", "!!", "read|recv|close").count(": ", record.size, " bytes")
        tale.is_healthy("stale-reuse", "reset-after-fin", "data-lost", "write-after-fin")

    lost_small.__name__ = f"{name}_small_lost"
    story("tls", begin + "sleep 0.5; send 2; sleep 0.1; raw-once; raw-close", server)(lost_small)


add("1.2")
add("1.3")


@story("tls", program="curl -sik --http1.0 https://{address}:{port}/".split(),
       server="!openssl s_server -quiet -www -accept {address}:{port} -cert {place}/cert.pem -key {place}/key.pem")
def tls_curl(tale):
    if "HTTP/1.0 200 ok" not in open(f"{tale.place}/{tale.name}.{tale.way}.err", encoding="utf-8").read():
        raise Wrong("no page")
    ordinary(tale)


@story("tls", program="curl -sik --tls-max 1.2 --http1.0 https://{address}:{port}/".split(),
       server="!openssl s_server -quiet -www -accept {address}:{port} -cert {place}/cert.pem -key {place}/key.pem")
def tls_curl_12(tale):
    tls_curl(tale)
