"""The Debian packages under a real systemd: install, start, reload, upgrade, remove, purge; and in an
image that its compose file runs.

A container whose init is systemd, of a fresh Debian 12 tree with the libraries that the packages
depend on.  It has no network: what is installed is what the packages bring.
"""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest

from daemon import ROOT
from engine import DOCKER
from waiting import wait_for

BUILD = ROOT / "build-package"
TOKEN = "secret-of-test-12345"
UNKNOWN_MAIL = "bogus-mail-host,bogus-mail-host-in-debian-changelog"  # the project has no address


def run(*words, **options):
    result = subprocess.run([str(w) for w in words], stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, timeout=600, **options)
    assert result.returncode == 0, f"{words}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def debs():
    run("cmake", "--preset", "package", cwd=ROOT)
    run("cmake", "--build", "--preset", "package", cwd=ROOT)
    for old in BUILD.glob("*.deb"):
        old.unlink()
    run("cpack", cwd=BUILD)
    made = sorted(BUILD.glob("*.deb"))
    assert sorted(deb.name.split("_")[0] for deb in made) == [
        "tallyd", "tallyd-dev", "tallyd-redis", "tallyd-timescale"]
    return made


@pytest.fixture(scope="module")
def tree(debs, tmp_path_factory):
    """A fresh Debian with the packages that ours depend on, but not ours."""
    wanted = {"systemd-sysv", "dbus"}
    for deb in debs:
        for one in run("dpkg-deb", "-f", deb, "Depends").split(","):
            wanted.add(re.split(r"[ (|]", one.strip())[0])
    wanted = sorted(name for name in wanted if name and not name.startswith("tallyd"))
    folder = tmp_path_factory.mktemp("debian")
    run("debootstrap", "--variant=minbase", "--include=" + ",".join(wanted), "bookworm", folder)
    return folder


class Machine:
    """A container that runs systemd."""

    def __init__(self, engine, name):
        self.engine, self.name = engine, name

    def docker(self, *words):
        return subprocess.run([DOCKER, "-H", self.engine.endpoint, *map(str, words)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)

    def sh(self, script, code=0):
        result = self.docker("exec", self.name, "/bin/sh", "-c", script)
        assert result.returncode == code, f"{script}\n{result.stdout}{result.stderr}"
        return result.stdout + result.stderr

    def put(self, path, text):
        """Makes a file with this in it, and its folder."""
        done = subprocess.run([DOCKER, "-H", self.engine.endpoint, "exec", "-i", self.name, "/bin/sh",
                               "-c", f"mkdir -p $(dirname {path}) && cat > {path}"], input=text,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def get(self, path, token=""):
        more = f"Authorization: Bearer {token}\\r\\n" if token else ""
        return self.docker("exec", self.name, "/bin/bash", "-c",
                           "exec 3<>/dev/tcp/127.0.0.1/7420 && printf 'GET %s HTTP/1.0\\r\\nHost: "
                           f"localhost\\r\\n{more}\\r\\n' '{path}' >&3 && cat <&3").stdout

    def asks_for_a_token(self):
        try:
            wait_for(lambda: " 401 " in self.get("/api/v1/containers"), 30, "a token is asked for")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-3000:]}") from None
        assert " 200 " in self.get("/api/v1/containers", TOKEN)

    def log(self):
        return self.sh("journalctl -u tallyd --no-pager -o cat")

    def main_pid(self):
        return int(self.sh("systemctl show -p MainPID --value tallyd"))


def import_tree(engine, tree, name):
    packed = subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE)
    imported = subprocess.run([DOCKER, "-H", engine.endpoint, "import", "-", name],
                              stdin=packed.stdout, capture_output=True, text=True, timeout=300)
    assert packed.wait() == 0 and imported.returncode == 0, imported.stderr


@pytest.fixture
def machine(engine, tree, debs):
    import_tree(engine, tree, "debian:systemd")
    one = Machine(engine, "debian")
    started = one.docker(
        "run", "-d", "--name", one.name, "--network", "none", "--cgroupns", "private",
        "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE",
        "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
        "--security-opt", "systempaths=unconfined", "--tmpfs", "/run:exec", "--tmpfs", "/run/lock",
        "--tmpfs", "/tmp", "-e", "container=docker", "-v", f"{BUILD}:/debs:ro",
        "-v", f"{engine.socket}:/engine.sock", "debian:systemd",
        # On a machine systemd does this itself; in a container it finds out that it is in one.
        "/bin/sh", "-c", "mount --make-rshared / && exec /sbin/init")
    assert started.returncode == 0, started.stderr
    wait_for(lambda: "running" in one.docker("exec", one.name, "systemctl", "is-system-running").stdout,
             60, "systemd runs")
    yield one
    one.docker("rm", "-f", one.name)


def test_lintian_has_nothing_to_say(debs):
    said = subprocess.run(["lintian", "--fail-on", "error,warning", "--suppress-tags", UNKNOWN_MAIL,
                           *map(str, debs)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=300)
    assert said.returncode == 0, said.stdout + said.stderr
    assert not re.search(r"^[EW]:", said.stdout, re.M), said.stdout


def test_manual_pages_tell_the_commands_and_the_options(debs):
    page = run("man", "-l", BUILD / "man" / "tallyd.8.gz", env={"MANWIDTH": "200", "PATH": "/usr/bin:/bin"})
    commands = re.findall(r"^  ([a-z]+)(?: .*)?$", run(BUILD / "bin" / "tallyd", "help"), re.M)
    assert {"run", "check", "db", "help"} <= set(commands)
    for name in commands:
        used = run(BUILD / "bin" / "tallyd", "help", name)
        for line in re.findall(r"^(?:usage:|      ) (tallyd [a-z -]*[a-z])", used, re.M):
            assert line in page, line
        for option in re.findall(r"--[a-z]+", used):
            assert option in page, option
    for code in range(5):
        assert re.search(rf"^ +{code}$", page[page.index("EXIT STATUS"):], re.M), code
    conf = run("man", "-l", BUILD / "man" / "tallyd.conf.5.gz",
               env={"MANWIDTH": "200", "PATH": "/usr/bin:/bin"})
    for word in ("retention_raw", "drain_timeout", "[output.timescale]"):
        assert word in conf, word


def complete(*words):
    """What bash offers for the last word, with a tallyd that has three instances."""
    dump = r"tallyd() { printf '[input.a]\n[buffer.b]\n[output.c]\n'; }"
    script = (f"{dump}; source {BUILD}/completion/tallyd.bash; COMP_WORDS=(tallyd \"$@\"); "
              "COMP_CWORD=$#; _tallyd; printf '%s\\n' \"${COMPREPLY[@]}\"")
    return run("bash", "-c", script, "bash", *words).split()


def test_completion_knows_every_command_and_option(debs):
    assert complete("db", "st") == ["status"]
    assert complete("-c", "x.conf", "db") == ["db"]
    assert complete("plugins", "new", "--kind", "") == ["input", "output", "buffer"]
    assert complete("once", "--fo") == ["--format"]
    assert "--json" in complete("check", "--")
    # The other shells have the same table; that they can read it at all they say themselves.
    run("zsh", "-n", BUILD / "completion" / "_tallyd")
    offered = run("fish", "-c", f"source {BUILD}/completion/tallyd.fish; complete -C 'tallyd db st'; "
                  "complete -C 'tallyd plugins new --kind '; complete -C 'tallyd -c x che'")
    assert [line.split("\t")[0] for line in offered.splitlines()] == [
        "status", "buffer", "input", "output", "check"]


def test_completion_offers_the_instances_that_a_command_takes():
    def words(*line):
        return [word for word in complete(*line) if not word.startswith("--")]

    assert words("db", "status", "") == ["input.a", "buffer.b", "output.c"]
    assert words("once", "") == ["input.a"]
    assert words("config", "explain", "") == ["input.a", "buffer.b", "output.c"]


def test_the_life_of_a_package(machine, engine):
    machine.sh("dpkg -i /debs/*.deb")
    wait_for(lambda: "daemon: ready" in machine.log(), 30, "the service runs")
    assert machine.sh("stat -c %U:%a /var/lib/tallyd").strip() == "tallyd:700"
    assert "no such socket: is dockerd running?" in machine.log()

    # The engine comes later, with its group: one dpkg trigger lets the service in.
    machine.sh("groupadd --system docker && chgrp docker /engine.sock && "
               "ln -s /engine.sock /run/docker.sock && dpkg-trigger --by-package=docker.io "
               "/usr/bin/dockerd && dpkg --configure --pending")
    assert "docker" in machine.sh("id -nG tallyd").split()
    engine.run("shop")
    wait_for(lambda: '"shop"' in machine.get("/api/v1/containers"), 60, "the API lists a container")

    # A reload takes a good configuration, and refuses a bad one and says why.
    pid = machine.main_pid()
    machine.sh("printf '[tallyd]\\nhost = renamed\\n' > /etc/tallyd/conf.d/zz.conf")
    refused = machine.sh("systemctl reload tallyd", code=1)
    assert "failed" in refused.lower()
    assert "zz.conf" in machine.log()
    assert machine.main_pid() == pid and "active" == machine.sh("systemctl is-active tallyd").strip()
    machine.sh("printf '[input.docker_stats:more]\\ninterval = 1s\\n' > /etc/tallyd/conf.d/zz.conf; "
               "systemctl reload tallyd")
    wait_for(lambda: "input.docker_stats:more: started" in machine.log(), 30, "the reload is done")
    assert machine.main_pid() == pid

    # Tokens in a file of root's that the service's group may read.
    machine.sh("rm /etc/tallyd/conf.d/zz.conf; "
               f"echo '{TOKEN} read' > /tmp/tokens; "
               "install -m 640 -g tallyd /tmp/tokens /etc/tallyd/tokens; "
               "sed -i 's|^; tokens_file = |tokens_file = |' "
               "/etc/tallyd/conf.d/http_api.conf; systemctl restart tallyd")
    machine.asks_for_a_token()
    assert TOKEN not in machine.log()

    # One that the service may not read ends it, rather than leave an API that never listens.
    machine.sh("chown root:root /etc/tallyd/tokens; chmod 600 /etc/tallyd/tokens; systemctl restart tallyd", code=1)
    assert machine.sh("systemctl is-active tallyd || true").strip() == "failed"
    assert "tokens_file: /etc/tallyd/tokens: Permission denied" in machine.log()

    # Unless systemd hands it over, as the page on installing says.
    page = (ROOT / "docs" / "install.md").read_text()
    drop_in, = re.findall(r"```ini\n(\[Service\]\nLoadCredential=.*?)```", page, re.S)
    setting, = re.findall(r"^tokens_file = .*CREDENTIALS_DIRECTORY.*$", page, re.M)
    machine.put("/etc/systemd/system/tallyd.service.d/override.conf", drop_in)
    machine.sh(f"sed -i 's|^tokens_file = .*|{setting}|' /etc/tallyd/conf.d/http_api.conf; "
               "systemctl daemon-reload; systemctl restart tallyd")
    machine.asks_for_a_token()
    machine.sh("systemctl reload tallyd")
    machine.put("/etc/tallyd/conf.d/zz.conf", "[tallyd]\nhots = x\n")
    machine.sh("systemctl reload tallyd", code=1)
    assert TOKEN not in machine.log()
    machine.sh("rm -r /etc/tallyd/conf.d/zz.conf /etc/systemd/system/tallyd.service.d; chgrp tallyd /etc/tallyd/tokens; "
               "chmod 640 /etc/tallyd/tokens; systemctl daemon-reload; "
               "sed -i 's|^tokens_file = .*|tokens_file = /etc/tallyd/tokens|' "
               "/etc/tallyd/conf.d/http_api.conf; systemctl restart tallyd")
    machine.asks_for_a_token()

    # A configuration error ends it for good, and is not tried again and again.
    machine.sh("printf '[output.sqlite]\\npth = x\\n' > /etc/tallyd/zz.conf; mkdir -p /etc/tallyd/broken; "
               "mv /etc/tallyd/zz.conf /etc/tallyd/broken/; systemctl start tallyd@broken", code=1)
    wait_for(lambda: machine.sh("systemctl is-active tallyd@broken || true").strip() == "failed", 20)
    assert machine.sh("systemctl show -p NRestarts --value tallyd@broken").strip() == "0"

    # An upgrade keeps what is stored and restarts once.
    starts = machine.log().count("daemon: tallyd")
    rows = machine.sh("stat -c %i /var/lib/tallyd/tallyd.db")
    machine.sh("dpkg -i --force-confold /debs/*.deb")
    wait_for(lambda: machine.log().count("daemon: ready") > starts, 30, "it runs again")
    assert machine.log().count("daemon: tallyd") == starts + 1
    assert machine.sh("stat -c %i /var/lib/tallyd/tallyd.db") == rows

    # Removed, it keeps configuration and data; purged, nothing is left.
    machine.sh("dpkg -r tallyd-dev tallyd-redis tallyd-timescale tallyd")
    assert machine.sh("test -e /var/lib/tallyd/tallyd.db && test -e /etc/tallyd/tallyd.conf; echo $?").strip() == "0"
    assert machine.sh("systemctl is-active tallyd || true").strip() == "inactive"
    machine.sh("dpkg -i --force-confold /debs/*.deb")
    machine.asks_for_a_token()
    machine.sh("mkdir /var/lib/tallyd-of-mine")
    machine.sh("dpkg -P tallyd-dev tallyd-redis tallyd-timescale tallyd")
    machine.sh("rmdir /var/lib/tallyd-of-mine")  # not a daemon's: it is still there
    assert machine.sh("find / -xdev -iname '*tallyd*' -not -path '/proc/*' -not -path '/tmp/*' "
                      "-not -path '/var/log/*' 2>/dev/null").strip() == ""
    assert "tallyd" not in machine.sh("cat /etc/passwd /etc/group")


CONTAINER = ROOT / "packaging" / "container"


def build_image(engine, tree, debs, folder):
    """The Dockerfile's last stage, on a tree that has what its apt would fetch: there is no network."""
    import_tree(engine, tree, "debian:12-slim")
    stage = (CONTAINER / "Dockerfile").read_text().rpartition("FROM debian:12-slim")
    text = stage[1] + stage[2]
    for there, here in (("COPY --from=build /packages/", "COPY packages/"),
                        ("systemd-standalone-sysusers ca-certificates", "")):
        assert there in text
        text = text.replace(there, here)
    (folder / "packages").mkdir(parents=True)
    for deb in debs:
        shutil.copy(deb, folder / "packages")
    (folder / "packaging").mkdir()
    shutil.copytree(CONTAINER, folder / "packaging" / "container")
    (folder / "Dockerfile").write_text(text)
    run(DOCKER, "-H", engine.endpoint, "build", "--network", "none", "-t", "tallyd", folder,
        env={**os.environ, "DOCKER_BUILDKIT": "0"})


def compose_file(name, folder, socket_path="/var/run/docker.sock"):
    """As Debian's docker-compose takes it, which is older than the word cgroup."""
    text = (CONTAINER / name).read_text()
    assert "    cgroup: host\n" in text
    made = folder / "packaging" / "container" / name
    made.write_text(text.replace("    cgroup: host\n", "").replace(
        "- /var/run/docker.sock:", f"- {socket_path}:"))
    return made


def test_the_image_by_its_compose_file(engine, tree, debs, tmp_path):
    folder = tmp_path / "context"
    build_image(engine, tree, debs, folder)
    made = compose_file("compose.yaml", folder, engine.socket)
    here = {**os.environ, "DOCKER_HOST": engine.endpoint,
            "DOCKER_GID": str(os.stat(engine.socket).st_gid), "TALLYD_LOGS": "yes"}
    engine.run("shop", "echo opened; exec sleep 1000000")

    def up():
        run("docker-compose", "-p", "site", "-f", made, "up", "-d", "--no-build",
            "--force-recreate", env=here)
        found = [c["Id"] for c in engine.api("GET", "/containers/json")
                 if c["Labels"].get("com.docker.compose.service") == "tallyd"]
        one = Machine(engine, found[0])
        wait_for(lambda: engine.inspect(found[0])["State"]["Health"]["Status"] == "healthy", 90,
                 "it is healthy")
        return one

    def body(path):
        return json.loads(one.get(path).partition("\n\n")[2])

    one = up()
    shop = wait_for(lambda: [c for c in body("/api/v1/containers")["data"] if c["name"] == "shop"], 60)
    assert shop[0]["host"] == socket.gethostname()
    wait_for(lambda: "opened" in one.get("/api/v1/logs?container=shop"), 60, "its log is there")
    log = one.docker("logs", one.name)
    assert "reading the containers' cgroup files" in log.stdout + log.stderr
    assert one.sh("id -un").strip() == "tallyd"

    # Another container goes on with what the first has stored, under the same host.
    one = up()
    wait_for(lambda: len(body("/api/v1/containers")["data"]) >= 2, 60)
    assert {c["host"] for c in body("/api/v1/containers")["data"]} == {socket.gethostname()}
    run("docker-compose", "-p", "site", "-f", made, "down", "-v", env=here)


def test_the_compose_file_of_worker_and_api_is_sound(tmp_path):
    shutil.copytree(CONTAINER, tmp_path / "packaging" / "container")
    made = compose_file("compose.split.yaml", tmp_path)
    here = {**os.environ, "DOCKER_GID": "1", "TALLYD_DB_PASSWORD": "it's a \\ secret"}
    shown = run("docker-compose", "-f", made, "config", "--services", env=here)
    assert sorted(shown.split()) == ["api", "db", "grafana", "prometheus", "redis", "worker"]
    for name in ("worker", "api"):
        text = (CONTAINER / "split" / f"{name}.conf").read_text()
        conf = tmp_path / f"{name}.conf"
        conf.write_text(f"[tallyd]\nstate_dir = {tmp_path}\n{text}")
        run(BUILD / "bin" / "tallyd", "-p", BUILD / "lib" / "tallyd" / "plugins", "-c", conf, "check", env=here)
