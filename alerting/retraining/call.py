"""Calls a Python function as a training: `python call.py PACKAGE.MODULE:FUNCTION RESULT_FILE`.

The function gets the order, a dict, and returns the result, a dict. What it raises ends this process with a
traceback, so that nothing in it can harm the service.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path


def main(target: str, result_file: str) -> int:
    """Call the function with the order on standard input, and write what it returns.

    Parameters
    ----------
    target : str
        `package.module:function`.
    result_file : str

    Returns
    -------
    int
        Exit code: 0, or 2 if there is no such function or it returns something else.
    """
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name, None)
    if not callable(function):
        sys.stderr.write(f"{target}: found no such function, need package.module:function\n")
        return 2
    result = function(json.load(sys.stdin))
    if not isinstance(result, dict):
        sys.stderr.write(f"{target}: returned {type(result).__name__}, need a dict\n")
        return 2
    path = Path(result_file)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
    beside.replace(path)
    return 0


if __name__ == "__main__":
    # Started without the folder of this file: modules of the working directory can be imported instead.
    sys.path.insert(0, str(Path.cwd()))
    sys.exit(main(*sys.argv[1:3]))
