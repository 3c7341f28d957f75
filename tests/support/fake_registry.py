"""A registry that misbehaves on demand, where a real one cannot be made to: one mode each.

    good       every tag has DIGEST
    token      the same, for those that bring the token of /token
    limited    the first request gets 429 and `Retry-After: 2`
    away       redirects to `elsewhere`
    undigested, misdigested    no digest, and one that is none
    realm      sends for a token to `elsewhere`, of another host that is not plain HTTP's
    login      wants a password
    endless    headers without end; tokenless: a token without end
    silent     never answers
    partly     a repository with a status in its name, as box-500, gets that; all others are good
"""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIGEST = "sha256:" + "ab" * 32
TOKEN = "s3cr3t-anonymous-token"
ENDLESS = 4 << 20


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.server.asked.append((time.monotonic(), self.command, self.path))
        getattr(self, "be_" + self.server.mode)()

    def do_GET(self):
        self.server.asked.append((time.monotonic(), self.command, self.path))
        if not self.path.startswith("/token?"):
            return self.answer(405)
        if self.server.mode == "tokenless":
            return self.pour(b'{"token":"', b"x" * 4096)
        return self.answer(200, body=b'{"token":"%s"}' % TOKEN.encode())

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def pour(self, begin, more):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % ENDLESS + begin)
        for _ in range(ENDLESS // len(more)):
            self.wfile.write(more)
        self.close_connection = True

    def challenge(self, realm):
        text = f'Bearer realm="{realm}",service="fake \\"registry\\"",scope="all:of:it"'
        self.answer(401, WWW_Authenticate=text)

    def be_good(self):
        self.answer(200, Docker_Content_Digest=DIGEST)

    def be_token(self):
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return self.be_good()
        return self.challenge(f"http://{self.server.host}/token")

    be_tokenless = be_token

    def be_limited(self):
        if len(self.server.asked) == 1:
            return self.answer(429, Retry_After="2")
        return self.be_good()

    def be_away(self):
        self.answer(307, Location=f"http://{self.server.elsewhere}{self.path}")

    def be_undigested(self):
        self.answer(200)

    def be_misdigested(self):
        self.answer(200, Docker_Content_Digest="sha256:../../etc/passwd")

    def be_realm(self):
        self.challenge("http://user@example.invalid/token")

    def be_login(self):
        self.answer(401, WWW_Authenticate='Basic realm="all"')

    def be_endless(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(ENDLESS // 1024):
            self.wfile.write(b"X-Filler: " + b"x" * 1012 + b"\r\n")
        self.close_connection = True

    def be_partly(self):
        """429 is of the whole registry, and of this repository every time."""
        status = re.match(r"/v2/box-(\d+)/", self.path)
        if not status:
            return self.be_good()
        again = {"Retry_After": "1"} if status[1] == "429" else {}
        return self.answer(int(status[1]), **again)

    def be_silent(self):
        self.server.over.wait(60)
        self.close_connection = True

    def log_message(self, *_):
        pass


class FakeRegistry(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, mode, elsewhere=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server_port}"
        self.mode, self.elsewhere = mode, elsewhere
        self.asked = []  # (when, method, path)
        self.mirrored = False  # a real one has its address where the engine is
        self.over = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # the daemon hung up: as expected

    def close(self):
        self.over.set()
        self.shutdown()
        self.server_close()
