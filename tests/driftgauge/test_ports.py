from __future__ import annotations

import socket

import pytest

from driftgauge.demo.ports import (
    ALERTMANAGER,
    BRIDGE,
    LISTENERS,
    MODEL,
    PROMETHEUS,
    check_free,
    choose_ports,
)
from driftgauge.errors import PortError


def test_defaults_are_the_documented_ports() -> None:
    """Without options every part has the port of the documentation."""
    ports = choose_ports({}, 0)
    assert {part.name: port for part, port in ports.items()} == {
        "model": 9108, "bridge": 9109, "inbox": 9110, "retraining": 9120, "Prometheus": 9090,
        "Alertmanager": 9093, "explorer": 8050,
    }  # fmt: skip


def test_an_offset_moves_defaults_but_not_chosen_ports() -> None:
    """A port that was chosen stays where it is."""
    ports = choose_ports({MODEL: 9500}, 1000)
    assert ports[MODEL] == 9500
    assert ports[PROMETHEUS] == 10090


def test_two_parts_cannot_share_a_port() -> None:
    """The error names both parts and the port."""
    with pytest.raises(PortError, match=r"--bridge-port: found port 9108 for bridge and model"):
        choose_ports({BRIDGE: 9108}, 0)


@pytest.mark.parametrize(("offset", "own"), [(60_000, None), (0, 0), (0, 65_536), (-9_109, None)])
def test_a_number_that_is_no_port_is_refused(offset: int, own: int | None) -> None:
    """Ports go from 1 to 65535."""
    with pytest.raises(PortError, match="need one from 1 to 65535"):
        choose_ports({BRIDGE: own}, offset)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_names_port_part_and_option(address: str) -> None:
    """A listener on loopback or on all addresses takes the port."""
    with socket.socket() as other:
        other.bind((address, 0))
        other.listen()
        port = other.getsockname()[1]
        ports = choose_ports({ALERTMANAGER: port}, 0)
        with pytest.raises(
            PortError, match=rf"port {port} \(Alertmanager\): .*taken.*--alertmanager-port.*--port-offset"
        ):
            check_free(ports, LISTENERS[-1:])


def test_a_free_port_is_accepted(free_port: int) -> None:
    """The check leaves the port as free as it found it."""
    ports = choose_ports({MODEL: free_port}, 0)
    check_free(ports, [MODEL])
    check_free(ports, [MODEL])
