"""Sample clients, run as the programs that people would write."""

import subprocess

WITHIN_S = 150


def run(*command: object) -> str:
    """Runs a program to its end, asserts that it succeeds, and returns what it printed."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
