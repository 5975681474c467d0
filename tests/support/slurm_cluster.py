"""A Slurm of one node in a folder of its own: slurmctld, slurmd, slurmdbd, munge, and a MariaDB."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.mariadb import Server
from tests.support.waiting import until

PROGRAMS = ("slurmctld", "slurmd", "slurmdbd", "munged", "sacct", "sbatch", "mariadb-install-db")
SYSTEM = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
USERS = ("daemon", "games")
"""Two users that every Debian has."""

SLURM = """
ClusterName=alpha
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
SlurmdPort={slurmd}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStoragePass={folder}/munge.socket
AccountingStorageEnforce=associations
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/slurmd.log
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge=300
KillWait=1
UnkillableStepTimeout=900
OverTimeLimit=0
RequeueExit=99
InactiveLimit=0
NodeName={host} NodeAddr=127.0.0.1 CPUs=64 CoresPerSocket=64 RealMemory=1000 State=UNKNOWN
PartitionName=batch Nodes={host} Default=YES OverSubscribe=FORCE:8 MaxTime=60 State=UP
PartitionName=debug Nodes={host} OverSubscribe=FORCE:8 MaxTime=60 State=UP
"""
DATABASE = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={dbd}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct
PidFile={folder}/dbd.pid
LogFile={folder}/dbd.log
"""


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in found]


class Cluster:
    """A running Slurm.

    Attributes
    ----------
    environment : dict of str to str
        What its clients need.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.environment = {"PATH": SYSTEM, "SLURM_CONF": str(folder / "slurm.conf")}
        try:
            self._start(folder)
        except BaseException:
            self.stop()
            raise

    def _start(self, folder: Path) -> None:
        folder.chmod(0o755)
        (folder / "my").mkdir()
        self.database = Server(folder / "my")
        self._processes.append(self.database.process)
        ctld, slurmd, dbd = _free_ports(3)
        host = socket.gethostname().partition(".")[0]
        names = {"folder": folder, "host": host, "ctld": ctld, "slurmd": slurmd, "dbd": dbd}
        for name, text in (("slurm.conf", SLURM), ("slurmdbd.conf", DATABASE)):
            (folder / name).write_text(text.format(**names))
            (folder / name).chmod(0o600 if name == "slurmdbd.conf" else 0o644)
        for name in ("state", "spool"):
            (folder / name).mkdir()
        (folder / "munge.key").write_bytes(os.urandom(64))
        (folder / "munge.key").chmod(0o400)
        files = ("key", "socket", "pid", "log", "seed")
        munge = [f"--{name}-file={folder}/munge.{name}" for name in files if name != "socket"]
        self._run("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *munge)
        until(lambda: (folder / "munge.socket").exists(), "munged's socket", look=0.05)
        self._run("slurmdbd", "-D", MYSQL_UNIX_PORT=str(self.database.socket))
        until(lambda: self._ok("sacctmgr", "-n", "show", "cluster"), "slurmdbd", look=0.1)
        for words in (
            ["add", "cluster", "alpha"],
            ["add", "account", "physics,biology"],
            *(["add", "user", *one] for one in self._accounts()),
        ):
            self.run("sacctmgr", "-i", *words)
        self._run("slurmctld", "-D", "-i")
        until(lambda: self._ok("scontrol", "ping"), "slurmctld", look=0.1)
        self._run("slurmd", "-D")
        until(lambda: "idle" in self._said("sinfo", "-h", "-o", "%T"), "an idle node", look=0.1)

    @staticmethod
    def _accounts() -> Iterator[list[str]]:
        for user, account in zip(USERS, ("physics", "biology"), strict=True):
            yield [user, f"account={account}"]

    def _run(self, program: str, *words: str, **more: str) -> None:
        found = shutil.which(program, path=SYSTEM)
        assert found
        with (self.folder / f"{program}.out").open("w") as output:
            self._processes.append(
                subprocess.Popen(
                    [found, *words],
                    env=self.environment | more,
                    stdout=output,
                    stderr=output,
                )
            )

    def _ok(self, *words: str) -> bool:
        done = subprocess.run(words, env=self.environment, capture_output=True, check=False)
        return not done.returncode

    def _said(self, *words: str) -> str:
        done = subprocess.run(words, env=self.environment, capture_output=True, check=False)
        return done.stdout.decode()

    def run(self, *words: str, stdin: str = "") -> str:
        """What a client prints.

        Raises
        ------
        AssertionError
            It failed.
        """
        done = subprocess.run(
            words, env=self.environment, input=stdin, text=True, capture_output=True, check=False
        )
        assert not done.returncode, f"{words}: {done.stderr}"
        return done.stdout

    def submit(self, user: str, script: str, *words: str) -> str:
        """Submit a batch job as a user; its id."""
        text = f"#!/bin/sh\n{script}\n"
        options = [f"--uid={user}", "--parsable", "--chdir=/tmp", "--output=/dev/null", *words]
        return self.run("sbatch", *options, stdin=text).strip()

    def states(self) -> Sequence[str]:
        """The states of what is in the queue."""
        return self._said("squeue", "-h", "-r", "-o", "%i %T").split("\n")[:-1]

    def logs(self) -> str:
        """The ends of all logs, for a message."""
        found = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in found)

    def stop(self) -> None:
        """End all jobs, then what was started, the last first."""
        for user in USERS:
            self._ok("scancel", f"--user={user}")
        for _ in range(50):
            if not self.states():
                break
            time.sleep(0.1)
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
