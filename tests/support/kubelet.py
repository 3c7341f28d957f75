"""The log files of a Kubernetes node, written and rotated as containerd and the kubelet do it."""

import gzip
import os
import time
import uuid
from pathlib import Path


class Node:
    """root is the node's root file system, as host_root names it."""

    def __init__(self, root):
        self.root = Path(root)
        self.pods = self.root / "var/log/pods"
        self.links = self.root / "var/log/containers"
        self.pods.mkdir(parents=True)
        self.links.mkdir(parents=True)

    def container(self, namespace, pod, name, uid=None):
        return Container(self, namespace, pod, name, uid or str(uuid.uuid4()))


class Container:
    """One container of a pod, restarted by restart(): the next has another id and file."""

    def __init__(self, node, namespace, pod, name, uid):
        self.node, self.namespace, self.pod, self.name = node, namespace, pod, name
        self.uid = uid
        self.folder = node.pods / f"{namespace}_{pod}_{uid}" / name
        self.folder.mkdir(parents=True)
        self.restarts = -1
        self.rotations = 0
        self.time = time.time_ns() - 3600 * 10**9
        self.restart()

    def restart(self):
        self.restarts += 1
        self.id = uuid.uuid4().hex * 2
        self.path = self.folder / f"{self.restarts}.log"
        self.file = open(self.path, "ab", buffering=0)
        # As the kubelet sees it, not as we do: without our root in front.
        target = "/" + str(self.path.relative_to(self.node.root))
        self.link = self.node.links / f"{self.pod}_{self.namespace}_{self.name}-{self.id}.log"
        self.link.symlink_to(target)

    def record(self, stream, tag, text):
        self.time += 1_000_001
        seconds, ns = divmod(self.time, 10**9)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        return f"{stamp}.{ns:09d}Z {stream} {tag} ".encode() + text.encode() + b"\n"

    def write(self, text, stream="stdout", parts=1):
        """A line; in parts as the runtime splits one that is longer than its buffer."""
        size = -(-len(text) // parts) or 1
        pieces = [text[i:i + size] for i in range(0, len(text), size)] or [""]
        for piece in pieces[:-1]:
            self.file.write(self.record(stream, "P", piece))
        self.file.write(self.record(stream, "F", pieces[-1]))

    def rotate(self, meanwhile=lambda: None, keep=5):
        """meanwhile: what is written between the rename and the runtime's new file."""
        self.rotations += 1
        stamp = f"20260102-{self.rotations // 3600:02d}{self.rotations // 60 % 60:02d}" \
                f"{self.rotations % 60:02d}"
        rotated = sorted(p for p in self.folder.glob(f"{self.path.name}.*")
                         if not p.name.endswith(".gz"))
        os.rename(self.path, f"{self.path}.{stamp}")
        meanwhile()
        self.file.close()
        self.file = open(self.path, "ab", buffering=0)
        for older in rotated:
            temporary = older.with_name(older.name + ".tmp")
            temporary.write_bytes(gzip.compress(older.read_bytes()))
            os.rename(temporary, f"{older}.gz")
            older.unlink()
        for oldest in sorted(self.folder.glob(f"{self.path.name}.*.gz"))[:-keep]:
            oldest.unlink()

    def remove(self):
        """As the kubelet collects what is dead: files, then the link."""
        self.file.close()
        for path in self.folder.glob(f"{self.path.name}*"):
            path.unlink()
        self.link.unlink()
