"""The API to the clients that people have: openssl and curl for TLS, a browser for what it keeps."""

import shutil
import subprocess

import pytest
from certificates import Authority

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
