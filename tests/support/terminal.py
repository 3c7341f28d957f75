"""A terminal of tmux: a program runs in it, keys are sent, its screen is read."""

import os
import subprocess
import tempfile
from pathlib import Path

from waiting import wait_for


class Terminal:
    """with Terminal(["tallyd", "top"], 80, 24) as terminal: terminal.shows("running")"""

    def __init__(self, command, columns=80, rows=24, **environment):
        # A server of its own, and none of the user's settings.
        self.folder = tempfile.TemporaryDirectory(prefix="tallyd-tmux-")
        self.raw = Path(self.folder.name) / "raw"
        kept = {name: value for name, value in os.environ.items() if name not in ("TMUX", "NO_COLOR", "TERM")}
        words = [f"{name}={value}" for name, value in environment.items()]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "one", "-x", str(columns), "-y", str(rows),
                  "cat", environment={**kept, "LC_ALL": "C.UTF-8"})
        self.tmux("set", "-g", "remain-on-exit", "on")
        self.tmux("set", "-g", "default-terminal", "screen-256color")
        self.tmux("pipe-pane", "-t", "one", f"cat >{self.raw}")
        self.tmux("respawn-pane", "-k", "-t", "one", "env", *words, *command)

    def tmux(self, *words, environment=None):
        done = subprocess.run(["tmux", "-S", f"{self.folder.name}/socket", *words], capture_output=True,
                              text=True, env=environment, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server")
        self.folder.cleanup()

    def keys(self, *keys):
        """Names as tmux has them: Enter, Escape, Down; other words are typed."""
        self.tmux("send-keys", "-t", "one", *keys)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-t", "one", "-x", str(columns), "-y", str(rows))

    @property
    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", "one")

    @property
    def lines(self):
        return self.screen.splitlines()

    def shows(self, *texts, seconds=20):
        """Waits until all of them are there; the screen."""
        def there():
            screen = self.screen
            return screen if all(text in screen for text in texts) else None

        try:
            return wait_for(there, seconds, f"the screen shows {texts}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen}") from None

    def hides(self, text, seconds=30):
        wait_for(lambda: text not in self.screen, seconds, f"{text!r} goes\n{self.screen}")

    def format(self, what):
        """A variable of tmux: pane_pid, pane_dead, alternate_on, cursor_flag."""
        return self.tmux("display-message", "-p", "-t", "one", f"#{{{what}}}").strip()

    def ended(self):
        """Its exit status, once it has ended."""
        wait_for(lambda: self.format("pane_dead") == "1", 30, f"it ends\n{self.screen}")
        return int(self.format("pane_dead_status") or -int(self.format("pane_dead_signal") or 0))
