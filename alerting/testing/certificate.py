"""A certificate for this machine, made on the fly by `openssl`."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files; the certificate is its own authority."""

    certificate: Path
    key: Path


def make_certificate(folder: Path, name: str = "localhost") -> Certificate:
    """A new certificate for a name and for 127.0.0.1, valid for two days; needs `openssl` on the path."""
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    command = (
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
        "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
        "-keyout", str(made.key), "-out", str(made.certificate),
    )  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a fixed command
    return made
