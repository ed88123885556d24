"""The stories: what both sides do, and what the trace must tell of it.

A story is a function that checks one telling (evidence.Tale), with the steps of both sides (actor.py). All stories of a
group are played at the same time between the same two hosts.
"""

import dataclasses
import importlib

ECHO_PORT = 9000
ALL = []
TROUBLE = {}  # group -> what happens to the hosts meanwhile


@dataclasses.dataclass
class Story:
    name: str
    group: str
    client: str
    server: str
    check: object
    traced: str
    address: str
    program: list
    settings: object
    extra: str
    number: int

    def ports(self):
        return (("live", 9002 + 2 * self.number), ("report", 9003 + 2 * self.number))


def story(group, client="", server="", traced="client", address="", program=(), settings=None, extra=""):
    def add(check):
        name = check.__name__
        rest = list(program), settings, extra, len(ALL)
        ALL.append(Story(name, group, client, server, check, traced, address, *rest))
        return check

    return add


def trouble(group):
    def add(function):
        TROUBLE[group] = function
        return function

    return add


for part in ("idle", "dead", "window", "open", "filter", "tls", "odd", "alike"):
    importlib.import_module("about_" + part)
