"""A client of Server-Sent Events."""

import http.client
import json


class Stream:
    """Server-Sent Events, as a browser reads them."""

    def __init__(self, daemon, target, last=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
        headers = {"Last-Event-ID": last} if last else {}
        self.connection.request("GET", target, headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["Content-Type"].startswith("text/event-stream")
        retry, *self.reason = self.block()  # why it ends at once, if it does
        assert retry == "retry: 2000"
        self.reason = "".join(self.reason)
        self.last = last

    def block(self):
        """The lines up to the next empty one; None: the stream has ended."""
        lines = []
        while True:
            line = self.answer.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if not line:
                return lines
            lines.append(line)

    def next(self):
        """The next event's name and data."""
        while True:
            lines = self.block()
            assert lines is not None, "the stream has ended"
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "data" in fields:
                self.last = fields.get("id", self.last)
                return fields.get("event"), json.loads(fields["data"])

    def rows(self, n):
        found = []
        while len(found) < n:
            name, data = self.next()
            assert name is None, (name, data)
            found.append(data)
        return found

    def close(self):
        self.answer.close()
        self.connection.close()
