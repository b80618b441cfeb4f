"""A Slurm cluster of one node, and a server that makes machines on it."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.server import Server, binary
from support.services import Services
from support.waiting import wait_until

# Jobs are for users that the cluster knows by name. This one comes with Debian's package and is,
# on a cluster that root runs, like any other.
USER = "slurm"


class Cluster:
    """Real munged, slurmctld and slurmd, for tests that own them: nodes may be taken down."""

    def __init__(self) -> None:
        """Start them in a folder of their own."""
        self.folder = Path(tempfile.mkdtemp(prefix="mecapy-slurm-", dir="/tmp"))
        self.folder.chmod(0o755)
        self._services = Services(self.folder)
        self._services.start("slurm")
        self.conf = self._services.told("slurmctld")

    def call(self, *words: str) -> str:
        """One of Slurm's programs, as root."""
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=os.environ | {"SLURM_CONF": self.conf},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def jobs(self, *more: str) -> list[list[str]]:
        """Number, name and state of those that have not ended, or as `more` says."""
        lines = self.call("squeue", "--noheader", "--format=%i|%j|%T", *more).splitlines()
        return [line.split("|") for line in lines]

    def take_node(self, state: str) -> None:
        """Have the node drained or down."""
        self.call("scontrol", "update", f"nodename={self._node()}", f"state={state}", "reason=test")

    def give_node_back(self) -> None:
        """Have it take jobs again, which one that was down may do by itself."""

        def is_up() -> bool:
            state = self.call("sinfo", "--noheader", "--Node", "--format=%T").strip()
            if state in ("idle", "mixed", "allocated"):
                return True
            with contextlib.suppress(AssertionError):
                self.call("scontrol", "update", f"nodename={self._node()}", "state=resume")
            return False

        wait_until("the node is back", is_up, 60)

    def _node(self) -> str:
        return self.call("sinfo", "--noheader", "--Node", "--format=%N").strip()

    def stop(self) -> None:
        """End the cluster with all of its jobs."""
        self._services.stop()
        shutil.rmtree(self.folder)


class SlurmServer(Server):
    """`mecapy serve` of a user that the cluster knows, with the placer slurm."""

    def __init__(self, cluster: Cluster, **settings: object) -> None:
        """Keyword arguments are settings, beside those that the cluster needs."""
        super().__init__(
            **{
                "machines_placers": "slurm",
                "machines_slurm_worker": binary(),
                "machines_slurm_cpus": 2,
                "limits_max_timeout_s": 5,
                "router_default_duration_s": 1,
            }
            | settings
        )
        self.surroundings["SLURM_CONF"] = cluster.conf
        user = pwd.getpwnam(USER)
        self.shared = self.folder / "shared"
        self.set("machines_slurm_folder", self.shared)
        for folder in (self.data_dir, self.shared):
            folder.mkdir(mode=0o700)
            os.chown(folder, user.pw_uid, user.pw_gid)

    def jobs(self, cluster: Cluster) -> list[list[str]]:
        """Its own, as Cluster.jobs."""
        [installation] = (folder.name for folder in self.shared.iterdir())
        return [job for job in cluster.jobs() if job[1].startswith(f"mecapy-{installation}-")]

    def nothing_left(self, cluster: Cluster) -> None:
        """Wait until no job and no folder of one is there."""
        wait_until("no job is left", lambda: not self.jobs(cluster), 60)
        wait_until("no folder is left", lambda: not list(self.shared.glob("*/*")), 60)
