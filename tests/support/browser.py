"""A headless Chromium, driven over its own protocol through a pair of pipes, so that nothing but the
browser is needed: https://chromedevtools.github.io/devtools-protocol/"""

import base64
import json
import os
import select
import subprocess
import time
from pathlib import Path

from daemon import build_dir

OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
           # A page that is not looked at would run its timers once a minute.
           "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
           "--disable-backgrounding-occluded-windows", "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--disable-dev-shm-usage", "--force-color-profile=srgb", "--remote-debugging-pipe"]
KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, "")}


class Browser:
    """One page.  Everything that it asks for, says on its console or throws is kept."""

    def __init__(self, folder, width=1440, height=900):
        self.folder = Path(folder)
        to_browser, from_us = os.pipe()
        to_us, from_browser = os.pipe()
        log = open(self.folder / "browser.log", "wb")  # pylint: disable=consider-using-with

        def hand_over():  # as file descriptors 3 and 4, which the option wants
            command, answers = os.dup(to_browser), os.dup(from_browser)
            os.dup2(command, 3)
            os.dup2(answers, 4)

        self.process = subprocess.Popen(  # pylint: disable=consider-using-with,subprocess-popen-preexec-fn
            ["chromium", *OPTIONS, f"--user-data-dir={folder}/profile", f"--window-size={width},{height}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False, preexec_fn=hand_over,
            env=dict(os.environ, HOME=str(folder), LD_PRELOAD=f"{build_dir()}/tests/plugins/network_shim.so"))
        os.close(to_browser)
        os.close(from_browser)
        log.close()
        self.write_end, self.read_end = from_us, to_us
        self.buffer, self.calls, self.session = b"", 0, None
        self.console, self.requests, self.statuses = [], [], {}
        self.trace, self.traced = [], False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Performance"):
            self.call(f"{domain}.enable")

    def close(self):
        try:
            self.session = None
            self.call("Browser.close", seconds=10)
        except (OSError, AssertionError):
            pass
        finally:
            os.close(self.write_end)
            os.close(self.read_end)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- the protocol

    def call(self, method, seconds=60, **params):
        self.calls += 1
        number = self.calls
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + seconds
        while True:
            answer = self.receive(end, method)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def receive(self, end, what):
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            ready = select.select([self.read_end], [], [], max(0, left))[0] if left > 0 else []
            assert ready, f"the browser does not answer {what}"
            data = os.read(self.read_end, 1 << 20)
            assert data, f"the browser ended: {self.log[-2000:]}"
            self.buffer += data
        text, _, self.buffer = self.buffer.partition(b"\0")
        message = json.loads(text)
        self.note(message.get("method"), message.get("params", {}))
        return message

    @property
    def log(self):
        return (self.folder / "browser.log").read_text(errors="replace")

    def note(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.responseReceived":
            self.statuses[params["response"]["url"]] = params["response"]["status"]
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.console.append("thrown: " + details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.console.append(" ".join(str(x.get("value", x.get("description"))) for x in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.console.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

        elif method == "Tracing.dataCollected":
            self.trace += params["value"]
        elif method == "Tracing.tracingComplete":
            self.traced = True

    def record(self, categories, script):
        """The events of a trace that is written while the expression, a promise, is awaited."""
        self.trace, self.traced = [], False
        self.call("Tracing.start", transferMode="ReportEvents",
                  traceConfig={"includedCategories": categories, "excludedCategories": ["*"]})
        self.run(script)
        self.call("Tracing.end")
        end = time.monotonic() + 60
        while not self.traced:
            self.receive(end, "the trace")
        return self.trace

    def asked(self):
        """The last requests, with their status."""
        return [f"{self.statuses.get(url)} {url}" for url in self.requests[-25:]]

    # ---- what people do

    def open(self, url):
        self.call("Page.navigate", url=url)
        return self.wait("document.readyState === 'complete'", "the page is loaded")

    def run(self, script):
        """The value of an expression, which may be a promise."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{script}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def wait(self, script, what=None, seconds=40):
        """Until the expression is true; returns its value (true instead of an element)."""
        script = f"((value) => value instanceof Node ? true : value)({script.rstrip(';')})"
        end = time.monotonic() + seconds
        while True:
            value = self.run(script)
            if value:
                return value
            assert time.monotonic() < end, (f"in vain: {what or script}\n{self.run('document.body.innerText')}\n"
                                            + "\n".join([*self.console, *self.asked()]))
            time.sleep(0.05)

    def text(self, selector="body"):
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def shows(self, text, selector="body", seconds=40):
        self.wait(f"(document.querySelector({json.dumps(selector)})?.innerText ?? '').includes({json.dumps(text)})",
                  f"{selector} shows {text!r}", seconds)

    def press(self, *keys):
        for key in keys:
            code, text = KEYS.get(key, (ord(key[0].upper()), key if len(key) == 1 else ""))
            common = {"key": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
            self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def click(self, selector):
        x, y = self.place(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def place(self, selector, right=0.5, down=0.5):
        """A point in an element, which is brought into sight."""
        spot = self.wait(f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;
            e.scrollIntoView({{block: "nearest"}}); const b = e.getBoundingClientRect();
            return [b.left + b.width * {right}, b.top + b.height * {down}]; }})()""", f"{selector} is there")
        return spot

    def drag(self, selector, start, end):
        """From one part of an element's width to another."""
        x, y = self.place(selector, start)
        to, _ = self.place(selector, end)
        mouse = "Input.dispatchMouseEvent"
        self.call(mouse, type="mouseMoved", x=x, y=y)
        self.call(mouse, type="mousePressed", x=x, y=y, button="left", buttons=1, clickCount=1)
        for part in (0.3, 0.7, 1):
            self.call(mouse, type="mouseMoved", x=x + (to - x) * part, y=y, button="left", buttons=1)
        self.call(mouse, type="mouseReleased", x=to, y=y, button="left", clickCount=1)

    def dark(self, wanted=True):
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}])

    def size(self, width, height, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))
