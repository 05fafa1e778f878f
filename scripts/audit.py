# ruff: noqa: INP001 - a script, not a package
"""Looks the locked packages up among known vulnerabilities; `make audit`.

python scripts/audit.py

Fails (1) on a vulnerability, and (2) when pip-audit itself cannot work. A database that cannot be reached
is no failure, so that a machine without network can be checked; then it says that nothing was looked up.
pip-audit alone may say "no known vulnerabilities" of packages that it could not find.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

LOCK: Final = Path(__file__).resolve().parents[1] / "requirements" / "run.txt"
DATABASE: Final = "osv"
"""Open Source Vulnerabilities: advisories of the Python Packaging Authority, GitHub and others."""

TIMEOUT_SECONDS: Final = 15
"""Of one look-up."""

UNREACHABLE: Final = (
    "ConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "ServiceError",
    "ProxyError",
    "SSLError",
)
"""Words in pip-audit's last line when the database did not answer."""


def command() -> list[str]:
    """The command line of pip-audit; nothing is installed, and nothing resolved that is not in the lock."""
    return [
        sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--disable-pip", "--require-hashes",
        "--vulnerability-service", DATABASE, "--timeout", str(TIMEOUT_SECONDS),
        "--format", "json", "--progress-spinner", "off",
    ]  # fmt: skip


def verdict(output: str, errors: str) -> tuple[int, str]:
    """Exit code and words for what pip-audit printed."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (errors.strip().splitlines() or ["no word"])[-1][:200]
        if any(word in errors for word in UNREACHABLE):
            return 0, f"audit: NOT DONE: the database of vulnerabilities cannot be reached ({last})"
        return 2, f"audit: pip-audit failed: {last}"
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw.get('fix_versions', ())) or 'no version yet'}"
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    looked_up = f"{len(packages) - len(skipped)} of {len(packages)} packages looked up"
    if found:
        return 1, "\n".join([f"audit: {looked_up}, found", *found])
    if skipped:
        return 0, f"audit: NOT COMPLETE: {looked_up}, the others were not found: {', '.join(skipped[:5])}, …"
    return 0, f"audit: {looked_up}, no known vulnerability"


if __name__ == "__main__":
    done = subprocess.run(command(), capture_output=True, text=True, check=False)  # noqa: S603 - our own
    code, words = verdict(done.stdout, done.stderr)
    print(words)  # noqa: T201 - a command line
    sys.exit(code)
