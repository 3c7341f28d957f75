"""Stands between a daemon and its PostgreSQL, and cuts what passes."""

import random
import selectors
import socket
import threading
from pathlib import Path


class Proxy:
    """Set `mode` at any time:
        pass      what comes goes on
        cut       after some random number of bytes both sides are closed
        deaf      what the server answers after a COMMIT is lost, and then both sides are closed
        silent    nothing passes, nothing is closed
    """

    def __init__(self, folder, server):
        self.target = str(server.folder / f".s.PGSQL.{server.port}")
        self.folder, self.port = Path(folder), server.port
        self.mode, self.cuts, self.over = "pass", 0, False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / f".s.PGSQL.{self.port}"))
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def conninfo(self, database):
        return f"host={self.folder} port={self.port} user=tally dbname={database}"

    def close(self):
        self.over = True
        self.listener.close()

    def accept(self):
        while not self.over:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = socket.socket(socket.AF_UNIX)
        with client, server, selectors.DefaultSelector() as selector:
            try:
                server.connect(self.target)
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                self.pump(selector, client)
            except OSError:
                pass

    def pump(self, selector, client):
        budget, committing = random.randrange(1, 20_000), False
        while not self.over:
            for key, _ in selector.select(0.05):
                if self.mode == "silent":
                    self.over or threading.Event().wait(0.02)
                    continue
                data = key.fileobj.recv(65536)
                if not data:
                    return
                if self.mode == "cut":
                    budget -= len(data)
                    if budget < 0:
                        key.data.sendall(data[:budget])
                        self.cuts += 1
                        return
                if key.fileobj is client:
                    committing = b"commit" in data.lower()
                elif committing and self.mode == "deaf":
                    self.cuts += 1
                    return
                key.data.sendall(data)
