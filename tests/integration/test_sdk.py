"""A plugin from nothing, with what the development package installs: made by `tallyd plugins new`, built and
tested by the commands of its README, installed, loaded."""

import os
import re
import subprocess

import pytest

from daemon import ROOT, build_dir


def run(*words, code=0, **options):
    result = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300,
                            stdin=subprocess.DEVNULL, **options)
    assert result.returncode == code, f"{words}\n{result.stdout}{result.stderr}"
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    for component in ("tallyd", "dev"):
        run("cmake", "--install", build_dir(), "--prefix", prefix, "--component", component)
    return prefix


@pytest.fixture(scope="module")
def environment(installed, tmp_path_factory):
    """As after an installation into a prefix of one's own; sudo need not be there."""
    programs = tmp_path_factory.mktemp("bin")
    sudo = programs / "sudo"
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    return {**os.environ, "PATH": f"{programs}:{installed}/bin:{os.environ['PATH']}",
            "PKG_CONFIG_PATH": str(next(installed.rglob("tallyd.pc")).parent),
            "CMAKE_PREFIX_PATH": str(installed)}


def shell_blocks(text):
    return re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)


def plugin_dir(installed):
    return next(installed.rglob("sqlite.so")).parent


def check_loads(installed, environment, name, kind, tmp_path):
    """With its own configuration as installed, beside what it needs."""
    conf = installed / "etc/tallyd/conf.d" / f"{name}.conf"
    assert f"[{kind}.{name}]" in conf.read_text()
    whole = tmp_path / "tallyd.conf"
    extra = {"input": "[buffer.batch]\n[output.sqlite]\n", "output": "[buffer.batch]\n[input.docker_status]\n",
             "buffer": f"[input.docker_status]\n[output.sqlite]\nbuffer = {name}\n"}[kind]
    whole.write_text(f"[tallyd]\nstate_dir = {tmp_path}\n{conf.read_text()}{extra}")
    run("tallyd", "-c", whole, "check", env=environment)
    assert name in run("tallyd", "plugins", "list", env=environment)
    if kind == "input":
        rows = run("tallyd", "-c", whole, "once", env=environment)
        assert "value" in rows and name in rows


@pytest.mark.parametrize("build", ["cmake", "make"])
@pytest.mark.parametrize("kind", ["input", "output", "buffer"])
def test_a_new_plugin_follows_its_readme(installed, environment, tmp_path, kind, build):
    name = f"my_{kind}_{build}"
    said = run("tallyd", "plugins", "new", name, "--kind", kind, "--build", build, cwd=tmp_path, env=environment)
    folder = tmp_path / name
    made = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    build_file = {"cmake": "CMakeLists.txt", "make": "Makefile"}[build]
    assert made == sorted([".gitignore", build_file, "README.md", f"conf.d/{name}.conf", f"{name}.c",
                           f"test_{name}.c"])
    assert all(f"{name}/{file}" in said for file in made)
    blocks = shell_blocks((folder / "README.md").read_text())
    assert len(blocks) == 1
    for line in blocks[0].splitlines():
        output = run("sh", "-c", line, cwd=folder, env=environment)
        assert not re.search(r"warning:|error:|Warning|Error", output), output
    assert (plugin_dir(installed) / f"{name}.so").exists()
    check_loads(installed, environment, name, kind, tmp_path)


def test_both_ways_of_building_are_the_default(environment, tmp_path):
    run("tallyd", "plugins", "new", "both_ways", "--kind=input", "--dir", tmp_path / "here", env=environment)
    assert {"CMakeLists.txt", "Makefile"} <= set(os.listdir(tmp_path / "here"))
    assert len(shell_blocks((tmp_path / "here/README.md").read_text())) == 2


def test_what_the_commands_print_at_the_end_works(environment, tmp_path):
    said = run("tallyd", "plugins", "new", "as_said", "--kind", "output", cwd=tmp_path, env=environment)
    assert "100% tests passed" in run("sh", "-c", said.splitlines()[-1], cwd=tmp_path, env=environment)


def test_an_installed_configuration_is_not_overwritten(installed, environment, tmp_path):
    run("tallyd", "plugins", "new", "kept", "--kind", "input", cwd=tmp_path, env=environment)
    conf = installed / "etc/tallyd/conf.d/kept.conf"
    conf.write_text("[input.kept]\npath = /proc/loadavg\n")
    run("make", "install", cwd=tmp_path / "kept", env=environment)
    run("sh", "-c", "cmake -B build && cmake --build build && cmake --install build", cwd=tmp_path / "kept",
        env=environment)
    assert "loadavg" in conf.read_text()


@pytest.mark.parametrize("words, told", [
    (["sqlite", "--kind", "output"], "there is a plugin of that name already"),
    (["Bad-Name", "--kind", "input"], "begins with a small letter"),
    (["load_1min", "--kind", "input"], "load_1min"),
    (["fine"], "--kind is missing"),
    (["fine", "--kind", "service"], '--kind: "service" is not input, output or buffer'),
    (["fine", "--kind", "input", "--build", "meson"], "--build: "),
])
def test_what_cannot_be_made_is_refused(environment, tmp_path, words, told):
    assert told in run("tallyd", "plugins", "new", *words, cwd=tmp_path, env=environment, code=2)
    assert os.listdir(tmp_path) == []


def test_nothing_that_is_there_is_overwritten(environment, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes").write_text("x")
    said = run("tallyd", "plugins", "new", "mine", "--kind", "input", cwd=tmp_path, env=environment, code=1)
    assert "not empty" in said and os.listdir(tmp_path / "mine") == ["notes"]


def test_the_packages_agree_with_the_headers(installed, environment):
    header = (ROOT / "include/tallyd/plugin.h").read_text()
    abi = ".".join(re.findall(r"^#define TALLY_ABI_(?:MAJOR|MINOR) (\d+)", header, re.M))
    assert run("pkg-config", "--variable=abi", "tallyd", env=environment).strip() == abi
    package = next(installed.rglob("tallydConfig.cmake")).read_text()
    assert f"set(tallyd_ABI {abi})" in package


def test_the_library_shows_only_the_fake_host(installed):
    library = next(installed.rglob("libtallyd-testing.a"))
    names = {line.split()[-1] for line in run("nm", "-g", "--defined-only", library).splitlines()
             if len(line.split()) == 3}
    assert names and all(name.startswith("fake_") for name in names)
    declared = (ROOT / "include/tallyd/testing/fake_host.h").read_text()
    assert names == set(re.findall(r"\b(fake_\w+)\(", declared))


def test_the_guide_leads_from_nothing_to_a_plugin(installed, environment, tmp_path):
    """Its commands as one script, as somebody would type them."""
    guide = (ROOT / "docs/plugin-guide.md").read_text()
    section = guide.split("## In a handful of commands", 1)[1].split("\n## ", 1)[0]
    said = run("sh", "-ec", shell_blocks(section)[0], cwd=tmp_path, env=environment)
    assert "100% tests passed" in said and "table room_climate" in said
    assert not re.search(r"warning:|error:", said), said
    check_loads(installed, environment, "room_climate", "input", tmp_path)


def test_the_example_in_cpp_builds_with_what_is_installed(installed, environment, tmp_path):
    example = next(path for path in installed.rglob("examples/cpp"))
    run("cp", "-r", example, tmp_path / "cpp")
    said = run("sh", "-ec", shell_blocks((example / "README.md").read_text())[0], cwd=tmp_path / "cpp",
               env=environment)
    assert "0 errors, 0 warnings" in said and "warning:" not in said
    assert (plugin_dir(installed) / "machine_uptime.so").exists()
