"""kill.py LIBRARY COMMAND VICTIM FOLDER TIMES [VARIABLE=VALUE...]: kills the victim at random moments, and compares
what it had counted with its recording.

Prints one line for each recording that is unreadable or lacks a call that had returned, and a last line with the sum."""
import glob
import os
import random
import re
import signal
import struct
import subprocess
import sys
import time

library, command, victim, folder, times = sys.argv[1:6]
extra = dict(pair.split("=", 1) for pair in sys.argv[6:])
seed = int(os.environ.get("SEED", time.time_ns()))
print("seed", seed)
random.seed(seed)
failures = calls = 0

for turn in range(int(times)):
    threads = random.choice((1, 1, 2, 4))
    counts = os.path.join(folder, "counts")
    if os.path.exists(counts):
        os.unlink(counts)
    environment = dict(os.environ, LD_PRELOAD=library, TCPSHIM_RECORD=folder, **extra)
    process = subprocess.Popen([victim, counts, str(threads)], env=environment)
    time.sleep(0.002 + random.random() * 0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    # Named by its time too.
    recording = (glob.glob(os.path.join(folder, "victim.*.%d.tcpshim" % process.pid)) or ["none"])[0]
    # Killed before it had made the file, or before that had its size, it has counted nothing.
    written = open(counts, "rb").read() if os.path.exists(counts) else b""
    counted = struct.unpack("512Q", written) if len(written) == 4096 else [0]
    if not os.path.exists(recording):
        if sum(counted):
            failures += 1
            print("no recording, but", sum(counted), "calls")
        continue
    report = subprocess.run([command, "report", "--time=none", "--trace=read,write", recording],
                            capture_output=True, text=True, timeout=60)
    # The last line is about the process itself.
    lines = [line for line in report.stdout.splitlines() if not line.startswith("***")]
    returned = sum(1 for line in lines if "(sleeping...)" not in line)
    calls += returned
    # An empty report says so, and nothing else may be on standard error.
    said = report.stderr and (lines or not re.search("matches the options|no call was recorded", report.stderr))
    # A call may have been recorded and not counted yet, one in each thread.
    if report.returncode != 0 or said or not sum(counted) <= returned <= sum(counted) + threads:
        failures += 1
        print("turn", turn, "threads", threads, "counted", sum(counted), "recorded", returned, "status",
              report.returncode, report.stderr.strip())
    os.unlink(recording)

print("%d times, %d calls, %d failures" % (int(times), calls, failures))
# Nothing was looked at where the victim never came to make a call.
sys.exit(failures > 0 or calls < int(times))
