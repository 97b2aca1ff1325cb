"""`quintet users` and `quintet keys` beside the running `quintet up` that they are about."""

import stat
import subprocess
import sys

import pytest
from framework.cluster import Cluster, environment


def quintet(cluster: Cluster, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quintet_cli", *arguments, "--data-dir", str(cluster.data_dir)]
    return subprocess.run(
        command,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(cluster.folder),
    )


@pytest.mark.slow
def test_accounts_are_changed_while_everything_runs(scripted: Cluster) -> None:
    session = scripted.pids()["session"]
    assert stat.S_IMODE((scripted.data_dir / "session.address").stat().st_mode) == 0o600
    added = quintet(scripted, "users", "add", "--email", "cli@test.local", typed="secure_password\n")
    assert (added.returncode, added.stderr) == (0, "cli@test.local is a user now.\n")
    created = quintet(scripted, "keys", "create", "--surface", "quillium", "--user", "cli@test.local")
    assert (created.returncode, created.stdout[:3]) == (0, "ql_")
    assert quintet(scripted, "users", "remove", "--email", "cli@test.local").returncode == 0
    # The service of `up` was asked, and went on.
    assert scripted.pids()["session"] == session
