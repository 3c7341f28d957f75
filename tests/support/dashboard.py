"""The dashboard's sources as npm builds them; packages are fetched once, beside the build."""

import shutil
import subprocess
from pathlib import Path

from daemon import ROOT, build_dir

SOURCES = ROOT / "plugins" / "output" / "http_api" / "dashboard"
DIST = SOURCES / "dist"


def npm(folder, *words):
    done = subprocess.run(["npm", *words], cwd=folder, check=False, stdin=subprocess.DEVNULL, timeout=300,
                          capture_output=True, text=True)
    assert done.returncode == 0, f"npm {' '.join(words)}:\n{(done.stdout + done.stderr)[-4000:]}"
    return done.stdout


def workshop():
    """A folder with the sources as they are now and the packages of package-lock.json."""
    folder = Path(build_dir()).resolve() / "dashboard"
    lock = (SOURCES / "package-lock.json").read_bytes()
    fetched = folder / "fetched"  # what the packages were fetched for
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json", "build.mjs", "tsconfig.json"):
        shutil.copy(SOURCES / name, folder)
    if not fetched.exists() or fetched.read_bytes() != lock:
        npm(folder, "ci", "--no-audit", "--no-fund")
        fetched.write_bytes(lock)
    shutil.rmtree(folder / "src", ignore_errors=True)
    shutil.copytree(SOURCES / "src", folder / "src")
    return folder


def axe():
    """The text of axe-core, which is only for tests and is stored nowhere else."""
    return (workshop() / "node_modules" / "axe-core" / "axe.min.js").read_text()
