from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.election import Election
from exporter.errors import StoreError

HOLD = """
import sys
from pathlib import Path
from exporter.election import Election
election = Election(Path(sys.argv[1]))
print(election.stand(), flush=True)
sys.stdin.read()
"""


def test_one_holds_the_office_until_it_dies(tmp_path: Path) -> None:
    """A second process stands in vain, and has it as soon as the first is killed."""
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "True\n"
        own = Election(path)
        assert not own.stand()
        assert not own.leading
        first.kill()
        first.wait()
    assert own.stand()
    assert own.leading
    own.resign()
    assert not own.leading


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_holds_nothing_of_its_parents(tmp_path: Path) -> None:
    """Nor does what it does with the file take the office from its parent."""
    election = Election(tmp_path / "lock")
    assert election.stand()
    pid = os.fork()
    if pid == 0:
        os._exit(election.leading or election.stand())
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert election.leading
    election.resign()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error says which file, and what is needed."""
    with pytest.raises(StoreError, match=r"none/lock: cannot be locked .*, need a folder to write to"):
        Election(tmp_path / "none" / "lock").stand()
