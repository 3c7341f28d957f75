"""Engines by TLS with client certificates, and several of them by one daemon."""

import pytest

from certificates import Authority
from daemon import STORED
from engine import Engine


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("ca"))
    made.sign("server", "serverAuth", "IP:127.0.0.1")
    made.sign("client", "clientAuth")
    made.sign("expired", "clientAuth", days=-1)
    return made


@pytest.fixture(scope="module")
def distant(authority):
    """An engine that lets in only whom the authority has signed."""
    engine = Engine(certificates=authority.dir).enter()
    yield engine
    engine.leave()


@pytest.fixture
def other(authority, tmp_path):
    """An authority that the engine does not know."""
    made = Authority(tmp_path / "other", "others")
    made.sign("client", "clientAuth")
    return made


def reach(address, ca, cert=None, key=None):
    """The options of an input."""
    pair = f"tls_cert = {cert}\ntls_key = {key}\n" if cert else ""
    return f"endpoint = https://{address}\ntls_ca = {ca}\n{pair}timeout = 10s\n"


def by_client(distant, authority, name="client"):
    return reach(f"127.0.0.1:{distant.port}", authority.file("ca.pem"),
                 authority.file(f"{name}.pem"), authority.file(f"{name}-key.pem"))


def test_two_engines_are_watched_by_two_instances_and_one_of_them_by_tls(
        engine, distant, authority, tallyd):
    engine.run("near")
    distant.run("far")
    tls, near = by_client(distant, authority), f"endpoint = {engine.endpoint}\n"
    daemon = tallyd(f"[input.docker_stats]\ninterval = 2s\n{near}"
                    f"[input.docker_stats:far]\ninterval = 2s\n{tls}"
                    f"[input.docker_status]\ninterval = 1h\n{near}"
                    f"[input.docker_status:far]\ninterval = 1h\n{tls}"
                    f"[input.docker_images:far]\ninterval = 1h\n{tls}" + STORED).start()
    daemon.wait(lambda: {"near", "far"} <= set(daemon.containers()), "both are listed")
    for name in ("near", "far"):
        daemon.wait(lambda n=name: daemon.sql(
            "select 1 from container_stats where name = ? and cpu_percent is not null", n), name)
    # Events come by TLS too.
    distant.api("POST", "/containers/far/pause")
    daemon.wait(lambda: daemon.containers()["far"]["state"] == "paused", "its events are heard")
    daemon.wait(lambda: daemon.sql("select 1 from docker_images"), "images are listed")
    distant.remove_all()
    daemon.wait(lambda: "far" not in daemon.containers() or
                daemon.containers()["far"]["gone_at"], "it is seen to go")
    assert daemon.containers()["near"]["state"] == "running"
    dump = daemon.call("config", "dump")
    assert dump.returncode == 0, dump.stderr
    seen = daemon.log + dump.stdout + daemon.get("/metrics").body.decode()
    assert not [line for line in authority.keys() if line in seen]
    for instance in ("input.docker_stats", "input.docker_stats:far"):
        assert daemon.metric("tallyd_gather_errors_total", input=instance) == 0


def refused(tallyd, options, why):
    daemon = tallyd(f"[input.docker_status]\n{options}")
    result = daemon.call("once")
    assert result.returncode != 0
    assert why in result.stderr, result.stderr
    assert "https://" in result.stderr, "the endpoint is named"


def test_an_engine_that_another_authority_has_signed_is_not_trusted(
        distant, authority, other, tallyd):
    options = by_client(distant, authority).replace(
        f"tls_ca = {authority.file('ca.pem')}", f"tls_ca = {other.file('ca.pem')}")
    refused(tallyd, options, "SSL certificate problem")


def test_an_engine_of_another_name_is_not_trusted(distant, authority, tallyd):
    options = by_client(distant, authority).replace("https://127.0.0.1:", "https://localhost:")
    refused(tallyd, options, "no alternative certificate subject name matches target host name "
            "'localhost'")


def test_without_a_certificate_the_log_says_that_one_is_required(distant, authority, tallyd):
    options = reach(f"127.0.0.1:{distant.port}", authority.file("ca.pem"))
    refused(tallyd, options, "does the engine trust our certificate (tls_cert)?")


def test_a_certificate_that_has_expired_is_refused(distant, authority, tallyd):
    refused(tallyd, by_client(distant, authority, "expired"),
            "does the engine trust our certificate (tls_cert)?")


def test_a_certificate_of_another_authority_is_refused(distant, authority, other, tallyd):
    options = reach(f"127.0.0.1:{distant.port}", authority.file("ca.pem"), other.file("client.pem"),
                    other.file("client-key.pem"))
    refused(tallyd, options, "does the engine trust our certificate (tls_cert)?")


def test_a_key_of_another_certificate_is_logged(distant, authority, other, tallyd):
    options = reach(f"127.0.0.1:{distant.port}", authority.file("ca.pem"),
                    authority.file("client.pem"), other.file("client-key.pem"))
    refused(tallyd, options, "private key")


def test_files_that_are_not_there_are_named(distant, authority, tallyd):
    options = reach(f"127.0.0.1:{distant.port}", "/nowhere/ca.pem")
    refused(tallyd, options, "/nowhere/ca.pem")
