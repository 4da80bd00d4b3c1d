"""A headless Chromium, spoken to over its debugging pipe: open, ask, type, look."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import need

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
)


class Browser:
    """One page of it."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out, self._held, self._count = into, out, b"", 0
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """A command to the page."""
        return self._call(method, self._session, **parameters)

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        os.write(self._into, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            while b"\0" not in self._held:
                piece = os.read(self._out, 65_536)
                assert piece, "the browser has gone"
                self._held += piece
            raw, _, self._held = self._held.partition(b"\0")
            reply = json.loads(raw)
            if reply.get("id") == self._count:
                assert "error" not in reply, reply["error"]
                return reply["result"]

    def open(self, url: str) -> None:
        """Go there."""
        assert "errorText" not in self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def ask(self, expression: str) -> Any:
        """What a line of JavaScript says."""
        reply = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def wait(self, expression: str, timeout: float = 30) -> Any:
        """Until it says something true."""
        until = time.monotonic() + timeout
        while True:
            try:
                if value := self.ask(expression):
                    return value
            except AssertionError:  # between two pages
                pass
            assert time.monotonic() < until, f"never true: {expression}: {self.ask('document.body.innerText')}"
            time.sleep(0.05)

    def be_a_phone(self) -> None:
        """As narrow as one."""
        self.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with a profile in `folder`."""
    program = need("chromium")
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    words = [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    placed = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", placed, "bash", *words],
            pass_fds=(theirs_in, theirs_out),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_in, ours_out)
    finally:
        os.close(ours_in)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ours_out)
