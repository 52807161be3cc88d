"""Looking with the doctor, as a user does."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import msgspec

from doctor.finding import Finding
from tests.services import run_here


def looked(environment: Mapping[str, str], *flags: str) -> tuple[int, list[Finding]]:
    done = run_here(["doctor", "--json", *flags], environment)
    assert "Traceback" not in done.stderr
    return done.returncode, msgspec.json.decode(done.stdout, type=list[Finding])


def wrongs(findings: list[Finding]) -> dict[str, Finding]:
    return {one.check: one for one in findings if one.state == "wrong"}


def said(findings: Sequence[Finding], check: str) -> list[tuple[str, str]]:
    """Give what was found in one check, each with its state."""
    return [(one.state, one.said) for one in findings if one.check == check]


def bound_by_rights(environment: Mapping[str, str]) -> list[Finding]:
    """Look as a user whom the rights of files bind, as they do not bind root."""
    drop = "-dac_override,-dac_read_search"
    bound = ["setpriv", f"--bounding-set={drop}"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*bound, sys.executable, "-m", "lookalike", "doctor", "--json"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return msgspec.json.decode(done.stdout, type=list[Finding])


def looked_without(package: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Ask the doctor, as JSON, where a package cannot be imported."""
    program = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "from lookalike.cli import main\n"
        "main(['doctor', '--json'])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
