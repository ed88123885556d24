#!/usr/bin/env python3
"""filter_lists.py DIRECTORY: writes the filters of systemd, docker and Debian's redis-server as files for the program filter.

service       systemd's @system-service, and kill
minimal       systemd's @default @basic-io @network-io @io-event @file-system, and kill
signals       the same, @process, @signal and madvise: no ioctl, no timers, no process_vm_readv; and kill
narrow        the same, with what redis-server, curl and python3 need besides: still no process_vm_readv
docker        the default profile of containers, without added capabilities
docker-kill   the same, but kill where that profile answers with an error
redis         the lists of redis-server.service, in two filters: redis.restrict and redis

The last three are written only if their sources are installed.
"""
import json
import os
import re
import struct
import subprocess
import sys

DOCKER = "/usr/share/containers/seccomp.json"
UNIT = "/lib/systemd/system/redis-server.service"
EPERM, EAFNOSUPPORT, ENOSYS = 1, 97, 38
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
PROT_EXEC, PROT_WRITE_EXEC, SHM_EXEC = 4, 6, 0o100000
NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)


def read_sets():
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], check=True, capture_output=True, text=True).stdout
    sets, current = {}, None
    for line in text.splitlines():
        if line.startswith("@"):
            current = sets.setdefault(line.strip(), [])
        elif line.startswith("    ") and current is not None:
            if not line.strip().startswith("#"):
                current.append(line.strip())
        else:
            current = None
    # In systemd before 248 they are in other sets.
    sets["@default"] += ["arch_prctl", "getrandom", "mprotect", "sched_getaffinity"]
    return sets


SETS = read_sets()


def expand(words):
    names = set()
    for word in words:
        names |= expand(SETS[word]) if word.startswith("@") else {word.split(":")[0]}
    return names


def write(name, lines):
    with open(os.path.join(sys.argv[1], name), "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def write_list(name, allowed):
    write(name, ["default kill"] + [f"allow {call}" for call in sorted(allowed)])


def docker(default):
    profile = json.load(open(DOCKER, encoding="ascii"))
    lines = [f"default {default or profile['defaultErrnoRet']}"]
    operators = {"SCMP_CMP_EQ": "==", "SCMP_CMP_NE": "!=", "SCMP_CMP_MASKED_EQ": "&"}
    for rule in profile["syscalls"]:
        included = rule.get("includes") or {}
        if included.get("caps") or (included.get("arches") and "amd64" not in included["arches"]):
            continue
        if rule["action"] == "SCMP_ACT_ALLOW":
            action = "allow"
        else:
            action = default or rule.get("errnoRet", EPERM)
        compared = ""
        for argument in rule.get("args") or []:
            compared += f" {argument['index']} {operators[argument['op']]} {argument['value']}"
            if argument["op"] == "SCMP_CMP_MASKED_EQ":
                compared += f" {argument['valueTwo']}"
        lines += [f"{action} {name}{compared}" for name in rule["names"]]
    return lines


def is_on(value):
    return value.lower() in ("yes", "true", "1", "on")


def restrictions(settings):
    """The filters that settings other than SystemCallFilter are made of: systemd.exec(5), seccomp-util.c."""
    rules = []
    for key, value in settings:
        # systemd ignores it on i386, where socketcall hides the family (systemd.exec(5)).
        if key == "RestrictAddressFamilies" and struct.calcsize("P") == 8:
            allowed = [FAMILIES[word] for word in value.split()]
            rules += [f"{EAFNOSUPPORT} socket 0 == {family}" for family in range(46) if family not in allowed]
        elif not is_on(value):
            continue
        elif key == "MemoryDenyWriteExecute":
            rules += [f"{EPERM} mmap 2 & {PROT_WRITE_EXEC} {PROT_WRITE_EXEC}", f"{EPERM} shmat 2 & {SHM_EXEC} {SHM_EXEC}"]
            rules += [f"{EPERM} {name} 2 & {PROT_EXEC} {PROT_EXEC}" for name in ("mprotect", "pkey_mprotect")]
        elif key == "RestrictNamespaces":
            rules += [f"{ENOSYS} clone3"]
            rules += [f"{EPERM} {name} 0 & {flag} {flag}" for name in ("clone", "unshare") for flag in NAMESPACES]
            rules += [f"{EPERM} setns 1 & {flag} {flag}" for flag in NAMESPACES] + [f"{EPERM} setns 1 == 0"]
        elif key == "RestrictRealtime":
            rules += [f"{EPERM} sched_setscheduler 1 == {policy}" for policy in (1, 2, 6)]
        elif key == "RestrictSUIDSGID":
            for bits in (0o4000, 0o2000):
                modes = (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1), ("mkdirat", 2), ("creat", 1))
                rules += [f"{EPERM} {name} {index} & {bits} {bits}" for name, index in modes]
                rules += [f"{EPERM} open 1 & {os.O_CREAT} {os.O_CREAT} 2 & {bits} {bits}",
                          f"{EPERM} openat 2 & {os.O_CREAT} {os.O_CREAT} 3 & {bits} {bits}"]
            rules += [f"{ENOSYS} openat2"]
        elif key == "LockPersonality":
            rules += [f"{EPERM} personality 0 != 0"]
        elif key in ("ProtectClock", "ProtectKernelModules", "PrivateDevices"):
            group = {"ProtectClock": "@clock", "ProtectKernelModules": "@module", "PrivateDevices": "@raw-io"}[key]
            rules += [f"{EPERM} {name}" for name in sorted(expand([group]))]
        elif key == "ProtectHostname":
            rules += [f"{EPERM} sethostname", f"{EPERM} setdomainname"]
        elif key == "ProtectKernelLogs":
            rules += [f"{EPERM} syslog"]
    return ["default allow"] + rules


def redis():
    settings = re.findall(r"^([A-Za-z]+)=\s*(.*)$", open(UNIT, encoding="utf-8").read(), re.MULTILINE)
    allowed = None
    for value in (value for key, value in settings if key == "SystemCallFilter"):
        if value.startswith("~"):
            allowed -= expand(value[1:].split())
        else:
            allowed = (allowed or expand(["@default"])) | expand(value.split())
    write("redis.restrict", restrictions(settings))
    if allowed is not None:
        write_list("redis", allowed)


write_list("service", expand(["@default", "@system-service"]))
write_list("minimal", expand("@default @basic-io @network-io @io-event @file-system".split()))
SIGNALS = "@default @basic-io @network-io @io-event @file-system @process @signal madvise".split()
write_list("signals", expand(SIGNALS))
write_list("narrow", expand(SIGNALS + "@timer fadvise64 fdatasync fsync ioctl pipe pipe2 sysinfo umask uname".split()))
if os.path.exists(DOCKER):
    write("docker", docker(None))
    write("docker-kill", docker("kill"))
if os.path.exists(UNIT):
    redis()
