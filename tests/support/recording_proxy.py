"""Stands before an engine's socket and notes the first line of each request that passes."""

import socket
import threading


class RecordingProxy:
    """On a TCP port of this machine, or on a unix socket; asked: the lines, in their order."""

    def __init__(self, target, path=None):
        self.target = target
        self.asked = []
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            self.listener.listen(256)
            self.endpoint = f"unix://{path}"
        else:
            self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
            self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self.target)
            for ends in ((client, engine, self.note()), (engine, client, None)):
                threading.Thread(target=self.pump, args=ends, daemon=True).start()

    def note(self):
        """Takes bytes of requests that have no bodies; what is no request is noted as it is."""
        waiting = b""

        def take(data):
            nonlocal waiting
            waiting += data
            while b"\r\n\r\n" in waiting:
                head, _, waiting = waiting.partition(b"\r\n\r\n")
                self.asked.append(head.partition(b"\r\n")[0].decode())
        return take

    @staticmethod
    def pump(source, sink, note):
        try:
            while data := source.recv(65536):
                if note:
                    note(data)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


class GuardingProxy(RecordingProxy):
    """Lets through what `allows(request line)` says; all else gets a 403 and is in `denied`."""

    def __init__(self, target, path, allows):
        self.allows = allows
        self.denied = []
        super().__init__(target, path)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self.target)
            threading.Thread(target=self.guard, args=(client, engine), daemon=True).start()
            threading.Thread(target=self.pump, args=(engine, client, None), daemon=True).start()

    def guard(self, client, engine):
        """Requests have no bodies and wait for their answers."""
        waiting = b""
        try:
            while data := client.recv(65536):
                waiting += data
                while b"\r\n\r\n" in waiting:
                    head, end, waiting = waiting.partition(b"\r\n\r\n")
                    self.pass_on(head + end, client, engine)
        except OSError:
            pass
        for side in (client, engine):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pass_on(self, head, client, engine):
        line = head.partition(b"\r\n")[0].decode()
        self.asked.append(line)
        if self.allows(line):
            engine.sendall(head)
            return
        self.denied.append(line)
        client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
