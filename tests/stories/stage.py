#!/usr/bin/python3
"""stage.py GROUP DIR: plays all stories of a group at the same time, between the hosts that `play` has made.

KANG and KODOS in the environment are the words that enter the two hosts, LIBRARY and COMMAND the library and tcpshim.
Each story is played twice, as live text and as a recording. WAY is live or report. It leaves in DIR, for
each NAME.WAY: what the traced actor wrote down, .trace, .err, and .server.PORT or .client of the other side.
"""

import glob
import os
import subprocess
import sys
import threading
import time

import stories

LIMIT_S = 75
NAP_S = 0.003


def watch_delay(path):
    """Writes how many nanoseconds late a thread was woken, at most: on a busy machine the actors are as late, between
    what they measure and what the wire shows."""
    most = 0
    while True:
        before = time.monotonic_ns()
        time.sleep(NAP_S)
        late = time.monotonic_ns() - before - int(NAP_S * 1e9)
        if late <= most:
            continue
        most = late
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(str(most))
        os.rename(path + ".new", path)


class Stage:
    def __init__(self, group, place):
        self.group, self.place = group, place
        self.enter = {"kang": os.environ["KANG"].split(), "kodos": os.environ["KODOS"].split()}
        self.address = {"kang": os.environ["KANG_ADDRESS"], "kodos": os.environ["KODOS_ADDRESS"]}
        self.here = os.path.dirname(os.path.abspath(__file__))
        self.running = {}
        self.programs = {}  # real servers that are traced
        self.servers = []

    def run(self, side, *words, check=True):
        return subprocess.run([*self.enter[side], *words], check=check, stdout=subprocess.PIPE, text=True).stdout

    def start(self, side, name, words, variables=()):
        error = open(f"{self.place}/{name}.err", "w", encoding="utf-8")
        return subprocess.Popen(
            [*self.enter[side], "env", *variables, *words], stdin=subprocess.DEVNULL, stdout=error, stderr=error
        )

    def actor(self, *words):
        return [sys.executable, "-SEB", f"{self.here}/actor.py", *words]

    def traced(self, name, way):
        where = f"{self.place}/{name}.{way}"
        out = f"TCPSHIM_OUTPUT={where}.trace" if way == "live" else f"TCPSHIM_RECORD={where}.%p.record"
        return ["LD_PRELOAD=" + os.environ["LIBRARY"], "TCPSHIM_TIME=none", out]

    def address_of(self, story):
        return story.address or self.address["kodos"]

    def start_program(self, story, name, way, port):
        """Starts a real server."""
        words = story.server[1:].format(address=self.address_of(story), port=port, place=self.place).split()
        if story.settings:
            with open(f"{self.place}/{words[-1].rpartition('/')[2]}", "w", encoding="ascii") as file:
                file.write(story.settings(self.address_of(story), port, story.extra))
        if story.traced == "server":
            self.programs[name] = self.start("kodos", name, words, self.traced(story.name, way))
        else:
            self.servers.append(self.start("kodos", name + ".server", words))

    def begin_servers(self):
        """One process serves what is not traced; a traced server is a process of its own."""
        rows = {}
        for story in self.stories:
            for way, port in story.ports():
                name = f"{story.name}.{way}"
                if story.server.startswith("!"):
                    self.start_program(story, name, way, port)
                elif story.traced == "server":
                    where = f"{self.place}/{name}", self.address_of(story), str(port)
                    words = self.actor("server", *where, story.server)
                    self.running[name] = self.start("kodos", name, words, self.traced(story.name, way))
                elif story.server:
                    row = f"{port} {self.place}/{name}.server {story.server}\n"
                    rows.setdefault(self.address_of(story), []).append(row)
        rows.setdefault(self.address["kodos"], []).append(f"{stories.ECHO_PORT} {self.place}/echo echo 100\n")
        for number, (address, lines) in enumerate(rows.items()):
            with open(f"{self.place}/rows{number}", "w", encoding="ascii") as file:
                file.writelines(lines)
            words = self.actor("serve", f"{self.place}/rows{number}", address)
            self.servers.append(self.start("kodos", f"serve{number}", words))
        wanted = {str(port) for story in self.stories for _, port in story.ports() if story.server}
        self.wait(lambda: wanted <= set(self.listening()), "all servers listen", 20)

    def listening(self):
        lines = self.run("kodos", "ss", "-Htln").splitlines()
        return [line.split()[3].rpartition(":")[2] for line in lines]

    def begin_clients(self):
        for story in self.stories:
            for way, port in story.ports():
                name = f"{story.name}.{way}"
                is_traced = story.traced == "client"
                log = f"{self.place}/{name}" + ("" if is_traced else ".client")
                words = [word.format(port=port, address=self.address_of(story)) for word in story.program]
                words = words or self.actor("client", log, self.address_of(story), str(port), story.client)
                variables = self.traced(story.name, way) if is_traced else []
                end = "" if is_traced else ".client"
                self.running[name + ".c"] = self.start("kang", name + end, words, variables)
                time.sleep(0.05)  # that not all start in the same moment

    def wait(self, condition, what, limit=LIMIT_S):
        until = time.monotonic() + limit
        while not condition():
            if time.monotonic() > until:
                sys.exit(f"stage: waited in vain until {what}")
            time.sleep(0.02)

    def told(self, word):
        """Waits until each traced actor of the group has told the word."""
        count = 2 * sum(f"tell {word}" in story.client + story.server for story in self.stories)
        self.wait(lambda: len(glob.glob(f"{self.place}/{word}.*")) >= count, f"all have told {word}")

    def touch(self, word):
        open(f"{self.place}/{word}", "w", encoding="ascii").close()

    def link(self, side, state):
        self.run(side, "ip", "link", "set", "veth0", state)

    def finish(self):
        until = time.monotonic() + LIMIT_S
        for name, process in [*self.running.items(), *self.programs.items()]:
            if name in self.programs:
                process.terminate()
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                print(f"stage: {name} did not end", file=sys.stderr)
                process.kill()
                process.wait()
        for story in self.stories:
            name = f"{self.place}/{story.name}.report"
            with open(name + ".trace", "w", encoding="utf-8") as file:
                words = [os.environ["COMMAND"], "report", "--time=none", *glob.glob(name + ".*.record")]
                subprocess.run(words, stdout=file, check=False)

    def make_key(self):
        words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=kodos -keyout key.pem -out cert.pem"
        subprocess.run(words.split(), cwd=self.place, check=True, stderr=subprocess.DEVNULL)

    def play(self):
        self.stories = [story for story in stories.ALL if story.group == self.group]
        if any("tls" in story.name for story in self.stories):
            self.make_key()
        self.begin_servers()
        try:
            self.begin_clients()
            stories.TROUBLE.get(self.group, lambda stage: None)(self)
            self.finish()
        finally:
            for process in [*self.running.values(), *self.programs.values(), *self.servers]:
                process.kill()


threading.Thread(target=watch_delay, args=(f"{sys.argv[2]}/late",), daemon=True).start()
Stage(sys.argv[1], sys.argv[2]).play()
