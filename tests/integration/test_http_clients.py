"""The API to the clients that people have: openssl and curl for TLS, a browser for what it keeps."""

import json
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from browser import Browser
from certificates import Authority
from waiting import wait_for

SECTIONS = """
[output.sqlite]
path = {db}
[output.http_api]
listen = 127.0.0.1:{port}
store = sqlite
"""

# ---- TLS

WEAK = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"  # the client is ready for anything


@pytest.fixture(params=["ec", "rsa"])
def served(request, tallyd, tmp_path):
    """By TLS, with a certificate of either kind, since ciphers depend on it."""
    authority = Authority(tmp_path / "ca")
    authority.sign("server", "serverAuth", "IP:127.0.0.1", days=90)
    if request.param == "rsa":
        authority.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server",
                          "-keyout", "server-key.pem", "-out", "server.csr")
        authority.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem",
                          "-CAcreateserial", "-days", "90", "-extfile", "server.ext", "-out", "server.pem")
    authority.file("server-key.pem").chmod(0o600)
    shutil.copy(authority.file("server.pem"), tmp_path / "cert.pem")
    daemon = tallyd(SECTIONS + f"tls_cert = {tmp_path}/cert.pem\n"
                    f"tls_key = {authority.file('server-key.pem')}\n")
    daemon.authority = authority
    return daemon.start("listening on https://")


def openssl(daemon, *words, text=""):
    """What s_client says of a connection; it ends when its input does."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{daemon.port}", *words],
                          input=text, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def handshake(daemon, *words):
    """The version and cipher that were agreed on; None: none."""
    said = openssl(daemon, *words)
    line = next((line for line in said.splitlines() if line.startswith("New, ")), "")
    return None if not line or "(NONE)" in line else line


def curl(daemon, *words):
    return subprocess.run(
        ["curl", "-sS", "--cacert", daemon.authority.file("ca.pem"), "-o", "-", *words,
         f"https://127.0.0.1:{daemon.port}/healthz"],
        capture_output=True, text=True, timeout=60, check=False)


def test_tls_of_before_1_2_and_ciphers_without_forward_secrecy_are_refused(served):
    for version, agreed in (("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")):
        assert agreed in handshake(served, version), version
        assert agreed in handshake(served, version, "-cipher", WEAK), version
    for version in ("-tls1_1", "-tls1"):
        said = openssl(served, version, "-cipher", WEAK)
        assert "Cipher is (NONE)" in said, (version, said)
        assert "no protocols available" not in said, (version, said)  # the client did ask
    for ciphers in ("kRSA", "kDHE", "aNULL", "eNULL", "3DES", "RC4", "SHA1", "AES128-SHA256",
                    "ECDHE-RSA-AES256-SHA384", "ECDHE-ECDSA-AES256-SHA384"):
        assert handshake(served, "-tls1_2", "-cipher", f"{ciphers}:@SECLEVEL=0") is None, ciphers
    assert "Compression: NONE" in openssl(served, "-tls1_2")
    assert "ok" in curl(served).stdout
    assert "ok" in curl(served, "--tls-max", "1.2").stdout
    old = curl(served, "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0")
    assert old.returncode == 35 and not old.stdout, old  # CURLE_SSL_CONNECT_ERROR


def test_a_client_does_not_renegotiate(served):
    """s_client does so at a line that says R; what comes behind it is asked for then."""
    said = openssl(served, "-tls1_2", text="R\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert "RENEGOTIATING" in said
    assert "200 OK" not in said
    assert "ok" in curl(served).stdout


def test_a_certificate_that_expires_is_warned_of_and_shown(served, tmp_path):
    name = "tallyd_http_api_certificate_expiry_timestamp_seconds"

    def shown():
        text = curl(served, "--next", "--cacert", served.authority.file("ca.pem"), "-sS",
                    f"https://127.0.0.1:{served.port}/metrics").stdout
        line = next(line for line in text.splitlines() if line.startswith(name + "{"))
        return float(line.rpartition(" ")[2])

    def end_of(path):
        said = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-enddate", "-dateopt",
                               "iso_8601"], capture_output=True, text=True, check=True).stdout
        date = said.partition("=")[2].strip()
        return float(subprocess.run(["date", "-d", date, "+%s"], capture_output=True, text=True,
                                    check=True).stdout)

    assert shown() == end_of(tmp_path / "cert.pem")
    assert "expires in" not in served.log
    # The chain with the CA, which has two days left: one file is replaced by another.
    chain = served.authority.file("server.pem").read_text() + served.authority.file("ca.pem").read_text()
    (tmp_path / "new.pem").write_text(chain)
    (tmp_path / "new.pem").rename(tmp_path / "cert.pem")
    served.wait(lambda: shown() == end_of(served.authority.file("ca.pem")), "it is read anew")
    served.says('the certificate "CN=tests" expires in 1 day, at')


# ---- A browser

BROWSER = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--disable-dev-shm-usage"]

READ, STATS, WRONG = "read-everything-0123456789", "read-only-stats-0123456789", "no-such-token-0123456789"

FETCHES = """<!doctype html><script>
async function ask(token) {
  const answer = await fetch("%s", {headers: {Authorization: `Bearer ${token}`}});
  return [answer.status, answer.headers.get("WWW-Authenticate"), (await answer.text()).slice(0, 200)];
}
(async () => {
  const answers = [];
  for (const token of %s)
    answers.push(await ask(token).catch(error => [0, String(error), ""]));
  await fetch("/result", {method: "POST", body: JSON.stringify(answers)});
})();
</script>"""


class Page(BaseHTTPRequestHandler):
    """One page, and what its script found."""

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page.encode())

    def do_POST(self):  # pylint: disable=invalid-name
        self.server.result = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


@pytest.fixture
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.page, server.result = "", None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def browser(url, folder):
    """Shows a page until the end of the block."""
    environment = dict(os.environ, HOME=str(folder))
    with open(folder / "browser.log", "wb") as log, \
         subprocess.Popen([*BROWSER, f"--user-data-dir={folder}/profile", "--remote-debugging-port=0", url],
                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment) as shown:
        try:
            yield shown
        finally:
            shown.terminate()


def test_a_browser_gives_no_answer_to_a_token_that_it_was_not_for(tallyd, site, tmp_path):
    """Of one URL: what one token may read is kept by the browser, and not shown to another."""
    origin = f"http://127.0.0.1:{site.server_port}"
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{READ} read\n{STATS} stats\n")
    tokens.chmod(0o600)
    daemon = tallyd(SECTIONS + f"tokens_file = {tokens}\ncors_origins = {origin}\n"
                    "cache = memory\ncache_ttl_containers = 1h\n").start()
    asked = [READ, READ, STATS, WRONG, READ]
    site.page = FETCHES % (f"{daemon.url}/api/v1/containers", json.dumps(asked))
    with browser(origin, tmp_path):
        answers = wait_for(lambda: site.result, 60, "the page has asked")
    assert [status for status, _, _ in answers] == [200, 200, 403, 401, 200], answers
    assert all("data" in text for status, _, text in answers if status == 200)
    assert 'error="insufficient_scope"' in answers[2][1]  # the page may read that
    assert 'error="invalid_token"' in answers[3][1]
    counted = daemon.get("/metrics", headers={"Authorization": f"Bearer {READ}"}).body.decode()
    ours = next(line for line in counted.splitlines()
                if "requests_total{" in line and 'endpoint="containers",status="2xx"' in line)
    assert float(ours.rpartition(" ")[2]) < 3, "the browser keeps nothing, so this shows nothing"


def test_the_pages_work_under_their_own_policy(tallyd, tmp_path):
    """In a browser, which runs only what the policy permits."""
    daemon = tallyd(SECTIONS).start()
    with Browser(tmp_path) as browser:
        for path, shown in (("/docs", "GET /api/v1/containers/{id}"), ("/", "No containers yet")):
            policy = daemon.get(path).headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            browser.open(daemon.url + path)
            browser.wait(f"document.body.textContent.includes({json.dumps(shown)})", f"{path} shows {shown}")
        assert not browser.console
