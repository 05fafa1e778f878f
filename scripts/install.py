# ruff: noqa: INP001 - a script, not a package
"""pip, with an end of its own.

python scripts/install.py install --require-hashes -r requirements/dev.txt

After hundreds of packages the last garbage collection of the interpreter now and then took minutes, all work
done; here the process ends as soon as pip has.
"""

from __future__ import annotations

import os
import runpy
import sys

code: object = 0
try:
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
except SystemExit as ended:
    code = ended.code
sys.stdout.flush()
sys.stderr.flush()
os._exit(code if isinstance(code, int) else 0 if code is None else 1)
