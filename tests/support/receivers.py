"""Who is told of alerts: an HTTP server that notes what it gets, a mail server, an Alertmanager."""

import json
import shutil
import ssl
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from daemon import free_port
from waiting import wait_for


class Webhook:
    """Answers `status` and notes what came, as (headers, text); stop() frees the port, start() takes it again."""

    def __init__(self, status=200):
        self.status, self.port, self.got, self.lock = status, free_port(), [], threading.Lock()
        self.server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                with outer.lock:
                    outer.got.append((dict(self.headers), text, outer.status))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def taken(self):
        """What was answered with 200."""
        with self.lock:
            return [(headers, text) for headers, text, status in self.got if status == 200]

    def alerts(self):
        return [alert for _, text in self.taken() for alert in json.loads(text)["alerts"]]


class Mailbox:
    """A mail server that wants TLS and a login before it takes anything."""

    def __init__(self, certificate, key, user, password):
        self.mails, self.user, self.password, self.port = [], user, password, free_port()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        outer = self

        class Server(Controller):
            def factory(self):
                return SMTP(outer, tls_context=context, require_starttls=True, auth_required=True,
                            authenticator=outer.authenticate, enable_SMTPUTF8=False)

        self.controller = Server(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def authenticate(self, server, session, envelope, mechanism, data):
        good = data.login.decode() == self.user and data.password.decode() == self.password
        return AuthResult(success=good, handled=True)

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content.decode()))
        return "250 OK"

    def stop(self):
        self.controller.stop()


class Alertmanager:
    """Debian's, on a private port; without peers."""

    def __init__(self, folder, port=None):
        self.port, self.folder = port or free_port(), Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "am.yml").write_text(
            "global: {resolve_timeout: 10s}\nroute: {receiver: none}\nreceivers: [{name: none}]\n")
        found = shutil.which("prometheus-alertmanager")
        assert found, "there is no prometheus-alertmanager: scripts/test installs it"
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [found, f"--config.file={self.folder}/am.yml", f"--storage.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="],
                stdout=log, stderr=log)
        wait_for(lambda: self.alerts() is not None, 30, "Alertmanager answers")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def alerts(self):
        """What it knows to fire."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None

    def stop(self):
        self.process.kill()
        self.process.wait()
