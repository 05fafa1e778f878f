"""Lines for a shell: real parsers read them, and what is cheap runs."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from driftgauge.cli import build_parser, main

from .blocks import ROOT
from .not_run import NOT_RUN_PROGRAMS
from .requests import request

RUN: Final = (
    ("bridge", "--config", "config/bridge.yaml", "--check"),
    ("dashboards", "check"),
    ("retrain", "check"),
    ("rules", "check"),
)
"""Commands of ours that only look, and take a second at most."""

FLAGS: Final = ("alertmanager", "amtool", "gunicorn", "prometheus", "promtool", "uvicorn")
"""Programs of others that the tests have: each option has to be in their help."""

DEBIAN: Final = {"alertmanager": "prometheus-alertmanager"}
"""Programs that have another name there."""

BASICS: Final = ("cat", "cd", "chmod", "editor", "echo", "mkdir", "mktemp", "openssl", "rm", "sqlite3", "tar")
"""Programs of any machine."""

_ASSIGNED: Final = re.compile(r"[A-Za-z_]\w*=")
_SUBSTITUTED: Final = re.compile(r"\$\([^)]*\)")
_PROMPT: Final = "$ "
_ANYTHING: Final = "…"


def check(text: str, folder: Path, names: Mapping[str, Any]) -> None:
    """Read every command in a block.

    Parameters
    ----------
    folder : Path
        Where it would run; it has the folders `config` and `examples`.
    names : mapping of str to object
        What the page's Python has, see `requests`.
    """
    commands = list(_commands(text))
    assert commands, "found no command"
    for words in commands:
        if words[0] == "curl":
            _curl(words[1:], folder, names)
        else:
            _check(words, folder)


def play(text: str) -> None:
    """Run each command behind a prompt; what it prints is what stands below, `…` stands for any lines."""
    code = 0
    parts = re.split(rf"^{re.escape(_PROMPT)}", text, flags=re.MULTILINE)
    assert parts[0] == "", f"found {parts[0]!r} before the first prompt"
    for part in parts[1:]:
        command, _, printed = part.replace("\\\n", " ").partition("\n")
        (words,) = _commands(command)
        if words == ["echo", "$?"]:
            assert printed.strip() == str(code)
            continue
        code, seen = _run(words)
        expected = "(?:.*\n)*?".join(
            re.escape(piece) for piece in re.split(rf"^{_ANYTHING}\n", printed, flags=re.MULTILINE)
        )
        assert re.fullmatch(expected, seen), f"{shlex.join(words)}: printed\n{seen}"


def _commands(text: str) -> Iterator[list[str]]:
    """Words of each command, without comments, assignments and where its output goes."""
    for line in _SUBSTITUTED.sub("_", text.replace("\\\n", " ")).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|&;"):
                while words and (words[0] == "export" or _ASSIGNED.match(words[0])):
                    del words[0]
                if words:
                    yield words
                words = []
            else:
                words.append(word)


def _check(words: Sequence[str], folder: Path) -> None:
    program, arguments = words[0], list(words[1:])
    if program == "driftgauge":
        _ours(arguments)
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{arguments[0]}:", makefile, flags=re.MULTILINE), f"no target {arguments[0]}"
    elif program.startswith("python") or program.endswith("/python"):
        _python(arguments, folder)
    elif program == "pip":
        _extras(arguments)
    elif program == "cp":
        assert (ROOT / arguments[0]).exists(), f"found no {arguments[0]} to copy"
    elif program in FLAGS:
        _flags(program, arguments)
    else:
        assert program in BASICS or program in NOT_RUN_PROGRAMS, f"found {program}, which no test knows"


def _ours(arguments: list[str]) -> None:
    """A command of ours; it may be one of those that run."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            build_parser().parse_args(arguments)
        except SystemExit:
            raise AssertionError(f"driftgauge {shlex.join(arguments)}: {said.getvalue()}") from None
    if tuple(arguments) in RUN:
        code, seen = _run(["driftgauge", *arguments])
        assert code == 0, seen


def _run(words: Sequence[str]) -> tuple[int, str]:
    """Exit code and all that a command of ours prints."""
    assert words[0] == "driftgauge", f"found {words[0]}, need a command of ours"
    seen = io.StringIO()
    with contextlib.redirect_stdout(seen), contextlib.redirect_stderr(seen):
        code = main(list(words[1:]))
    return code, seen.getvalue()


def _curl(arguments: Sequence[str], folder: Path, names: Mapping[str, Any]) -> None:
    """A request, in curl's words."""
    method, body, headers, url = "GET", None, {}, ""
    words = iter(arguments)
    for word in words:
        match word:
            case "-X" | "--request":
                method = next(words)
            case "-d" | "--data":
                body = json.loads(next(words))
                method = "POST" if method == "GET" else method
            case "-H" | "--header":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-s" | "-f" | "-fs" | "-sf":
                pass
            case _:
                assert word.startswith("http"), f"curl: found {word}, which no test knows"
                url = word
    request(method, url, headers, body, names, folder)


def _python(arguments: list[str], folder: Path) -> None:
    """A module or script of ours, or of the standard library, that is there."""
    if arguments[0] == "-c":
        exec(compile(arguments[1], "-c", "exec"), {})
    elif arguments[0] == "-m":
        assert importlib.util.find_spec(arguments[1]) is not None, f"found no module {arguments[1]}"
    else:
        assert any((root / arguments[0]).is_file() for root in (ROOT, folder)), f"found no {arguments[0]}"


def _extras(arguments: Sequence[str]) -> None:
    """Every extra of ours that is installed is declared."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert arguments[0] == "install"
    for word in arguments[1:]:
        if found := re.fullmatch(r"(?:driftgauge|\.)\[([\w,]+)\]", word):
            assert set(found[1].split(",")) <= set(project["optional-dependencies"]), word
        else:
            assert not word.startswith("driftgauge["), word


def _flags(program: str, arguments: Sequence[str]) -> None:
    """Options that the installed program's help has."""
    path = shutil.which(DEBIAN.get(program, program), path=f"{Path(sys.executable).parent}:/usr/bin:/bin")
    assert path is not None, f"{program} is not installed"
    commands = []
    if program in ("amtool", "promtool"):
        commands = [word for word in arguments[:2] if re.fullmatch(r"[a-z-]+", word) and word[0] != "-"]
    done = subprocess.run(
        [path, *commands, "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    known = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w.-]*", done.stdout + done.stderr))
    for word in arguments:
        flag = word.partition("=")[0]
        if flag.startswith("-"):
            assert flag in known, f"{program}: found {flag}, which {' '.join([program, *commands])} has not"
