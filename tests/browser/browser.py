"""browser: a page in a headless chromium, driven by its DevTools protocol over a pair of pipes.

No port is opened, and nothing but python's own library and chromium is needed.  Every wait has a limit.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

LIMIT = 60  # seconds that one answer may take, on a busy machine


class Failure(Exception):
    """What a check found wrong."""


class Browser:
    def __init__(self, width=1400, height=1000):
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        self.home = tempfile.mkdtemp(prefix="tcpshim-browser.")
        to_it, self.to = os.pipe()
        self.of, of_it = os.pipe()
        # chromium reads descriptor 3 and writes descriptor 4.
        reads, writes = (fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (to_it, of_it))

        def place():
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        environment = {name: value for name, value in os.environ.items() if not name.startswith("TCPSHIM_")}
        environment["HOME"] = self.home
        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={self.home}/profile",
             f"--window-size={width},{height}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(f"{self.home}/messages", "wb"),
            pass_fds=(3, 4), preexec_fn=place, start_new_session=True, env=environment)
        for fd in (to_it, of_it, reads, writes):
            os.close(fd)
        self.rest = b""
        self.last = 0
        self.events = []
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.call(f"{domain}.enable")

    def close(self):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    # --- The protocol: JSON, each message ended by a NUL. ---

    def read(self, until):
        while b"\0" not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.of], [], [], left)[0]:
                raise Failure("chromium does not answer:\n" + self.messages())
            got = os.read(self.of, 1 << 20)
            if not got:
                raise Failure("chromium has ended:\n" + self.messages())
            self.rest += got
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def messages(self):
        with open(f"{self.home}/messages", encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def call(self, method, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data, until = json.dumps(message).encode() + b"\0", time.monotonic() + LIMIT
        while data:
            data = data[os.write(self.to, data):]
        while True:
            answer = self.read(until)
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise Failure(f"{method}: {answer['error']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)
                if answer["method"] == "Page.javascriptDialogOpening":
                    raise Failure(f"the page opened a dialog: {answer['params']}")

    # --- What a check does. ---

    def open(self, path, fragment=""):
        """Opens a file and waits until its script has drawn it."""
        self.events.clear()
        self.url = "file://" + os.path.abspath(path)
        self.call("Page.navigate", url=self.url + fragment)
        self.wait("document.readyState === 'complete' && performance.getEntriesByName('painted').length > 0")

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise Failure(f"{expression}: {result['exceptionDetails']['exception'].get('description')}")
        return result["result"].get("value")

    def wait(self, expression):
        until = time.monotonic() + LIMIT
        while not self.value(expression):
            if time.monotonic() > until:
                raise Failure(f"waited too long for {expression}\n" + "\n".join(self.complaints()))
            time.sleep(0.05)

    def frame(self):
        """Waits until what was asked for is drawn."""
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        self.frame()

    def drag(self, x, y, to_x):
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", buttons=1, clickCount=1)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=to_x, y=y, button="left", buttons=1)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=to_x, y=y, button="left", clickCount=1)
        self.frame()

    def wheel(self, x, y, by, modifiers=0):
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=by, modifiers=modifiers)
        self.frame()

    def key(self, key):
        text = {"text": key} if len(key) == 1 else {}
        if key == "Enter":
            text = {"text": "\r"}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.frame()

    def type(self, text):
        for letter in text:
            self.key(letter)

    def media(self, kind="", scheme="light"):
        self.call("Emulation.setEmulatedMedia", media=kind, features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.frame()

    def pdf(self):
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def complaints(self):
        """What went wrong in the page, and what it asked for beside itself."""
        found = []
        for event in self.events:
            method, told = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                found.append("exception: " + str(told["exceptionDetails"].get("exception", told)))
            elif method == "Runtime.consoleAPICalled":
                found.append("console: " + str(told["args"]))
            elif method == "Log.entryAdded":
                # It advises about what the checks do, not the page.
                if "willReadFrequently" not in told["entry"]["text"]:
                    found.append("log: " + told["entry"]["text"])
            elif method == "Network.requestWillBeSent":
                url = told["request"]["url"]
                if url.split("#")[0] != self.url and not url.startswith("data:"):
                    found.append("request: " + url)
        return found


def main(checks):
    """Runs the check that is named on the command line, on the files that follow."""
    browser = Browser()
    try:
        checks[sys.argv[1]](browser, *sys.argv[2:])
        complaints = browser.complaints()
        if complaints:
            raise Failure("\n".join(complaints))
    except Failure as failure:
        print(f"{sys.argv[1]}: {failure}", file=sys.stderr)
        return 1
    finally:
        browser.close()
    return 0
