from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from driftgauge import cli
from driftgauge.errors import ExplorerError
from driftgauge.explorer.command import listening, reader_of


def test_a_taken_port_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With the option that chooses another, and exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert cli.main(["explore", "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert said == (
        f"driftgauge explore: 127.0.0.1:{port}: found that it is taken by another program, need a free one: "
        "choose it with --port or --listen\n"
    )


def test_an_address_of_nobody_is_refused() -> None:
    """As is one that is no address."""
    for address in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(ExplorerError, match="need a free one"):
            listening(address, 0)


def test_others_need_a_password(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Whoever reaches the page can acknowledge; an empty file is no password."""
    assert cli.main(["explore", "--listen", "0.0.0.0", "--port", "0"]) == 2
    assert "found no --password-file, need one on any address but loopback" in capsys.readouterr().err
    empty = tmp_path / "password"
    empty.write_text("\n")
    assert cli.main(["explore", "--password-file", str(empty)]) == 2
    assert "found nothing, need a line with the password" in capsys.readouterr().err
    assert cli.main(["explore", "--password-file", str(tmp_path / "none")]) == 2
    assert "need a readable file" in capsys.readouterr().err


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says what to install."""
    monkeypatch.setattr("driftgauge.explorer.command.NEEDS", ("no_such_package_at_all",))
    assert cli.main(["explore"]) == 2
    assert "need the extra: pip install 'driftgauge[explore]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["--prometheus", "localhost:9090"], ["--bridge", "ftp://x"], ["--exporter", "http://"], ["--port", "-1"],
     ["--port", "65536"], ["--alertmanager", "http://x:port"], ["--prometheus", "http://x/?a=b"]],
)  # fmt: skip
def test_a_mistyped_option_is_refused(words: list[str]) -> None:
    """Before anything starts."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["explore", *words])
    assert ended.value.code == 2


def test_options_reach_the_clients(tmp_path: Path) -> None:
    """Each program has its address and its token; there may be several exporters."""
    arguments = cli.build_parser("explore").parse_args(
        ["explore", "--prometheus", "http://p:1/prom/", "--exporter", "http://a", "--exporter", "http://b",
         "--bridge-token-file", str(tmp_path)]
    )  # fmt: skip
    reader = reader_of(arguments)
    assert reader.prometheus.place.url == "http://p:1/prom"
    assert [exporter.place.url for exporter in reader.exporters] == ["http://a", "http://b"]
    assert reader.bridge.place.token_file == tmp_path
    assert reader.alertmanager.place.token_file is None
    assert (
        reader_of(cli.build_parser("explore").parse_args(["explore"])).exporters[0].place.url.endswith("9108")
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(number: signal.Signals) -> None:
    """It prints where it is, and ends with 0 and without a traceback."""
    command = [sys.executable, "-m", "driftgauge", "explore", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("explorer: http://127.0.0.1:")
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
