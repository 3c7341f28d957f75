"""Certificates for tests, made by openssl: a CA, and what it signs."""

import subprocess
from pathlib import Path


class Authority:
    """Its own certificate is ca.pem in its folder; sign() puts NAME.pem and NAME-key.pem there."""

    def __init__(self, folder, name="tests"):
        self.dir = Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", "ca-key.pem",
                     "-out", "ca.pem")

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, cwd=self.dir, capture_output=True)

    def sign(self, name, usage, address=None, days=2):
        """usage: clientAuth or serverAuth; address: as openssl has it, IP:127.0.0.1."""
        lines = [f"extendedKeyUsage = {usage}"] + ([f"subjectAltName = {address}"] if address else [])
        (self.dir / f"{name}.ext").write_text("\n".join(lines))
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}-key.pem",
                     "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem",
                     "-CAcreateserial", "-days", str(days), "-extfile", f"{name}.ext",
                     "-out", f"{name}.pem")

    def file(self, name):
        return self.dir / name

    def keys(self):
        """What must be seen nowhere: the lines of all keys."""
        return [line for key in self.dir.glob("*-key.pem") for line in key.read_text().splitlines()
                if not line.startswith("-")]
