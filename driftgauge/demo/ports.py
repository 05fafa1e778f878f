"""Which part listens where, checked before anything starts."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import PortError

if TYPE_CHECKING:
    from collections.abc import Iterable

HOST = "127.0.0.1"

HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Listener:
    """A part that needs a port, and the port it gets unless told otherwise."""

    name: str
    option: str
    default: int


MODEL = Listener("model", "--model-port", 9108)
BRIDGE = Listener("bridge", "--bridge-port", 9109)
INBOX = Listener("inbox", "--inbox-port", 9110)
RETRAINING = Listener("retraining", "--retraining-port", 9120)
PROMETHEUS = Listener("Prometheus", "--prometheus-port", 9090)
ALERTMANAGER = Listener("Alertmanager", "--alertmanager-port", 9093)
EXPLORER = Listener("explorer", "--explorer-port", 8050)

LISTENERS = (MODEL, BRIDGE, INBOX, RETRAINING, EXPLORER, PROMETHEUS, ALERTMANAGER)


def choose_ports(chosen: dict[Listener, int | None], offset: int) -> dict[Listener, int]:
    """The port of every listener: the chosen one, or its default moved by the offset.

    Raises
    ------
    PortError
        If a port is no port, or two parts get the same.
    """
    ports: dict[Listener, int] = {}
    for listener in LISTENERS:
        own = chosen.get(listener)
        port = listener.default + offset if own is None else own
        if not 0 < port <= HIGHEST_PORT:
            option = "--port-offset" if own is None else listener.option
            raise PortError(
                f"{option}: found port {port} for {listener.name}, need one from 1 to {HIGHEST_PORT}"
            )
        for other, taken in ports.items():
            if taken == port:
                raise PortError(
                    f"{listener.option}: found port {port} for {listener.name} and {other.name}, "
                    f"need a port for each"
                )
        ports[listener] = port
    return ports


def check_free(ports: dict[Listener, int], needed: Iterable[Listener]) -> None:
    """Refuse ports that cannot be listened on.

    Raises
    ------
    PortError
        Naming the port, the part, and the options that choose another.
    """
    for listener in needed:
        port = ports[listener]
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections do not count
            try:
                probe.bind((HOST, port))
                probe.listen()
            except OSError as error:
                found = (
                    "it is taken by another program" if error.errno == errno.EADDRINUSE else error.strerror
                )
                raise PortError(
                    f"port {port} ({listener.name}): found that {found}, need a free port: "
                    f"choose one with {listener.option}, or move all with --port-offset"
                ) from error
