"""A process that reads logs and that a log has taken over: it does what its owner orders."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

from archive_tools.core import packing
from pipeline.processes import wire
from pipeline.sources.darshan.log_batches import BatchReader, Listed

DONE = "it is done: "
"""How a reject begins of a log that could do what it wanted."""


class TakenOver(BatchReader):
    """Does something else in place of reading a log named "attack".

    Parameters
    ----------
    start, end : int
    what : str
        A method of this class.
    argument : str
    """

    def __init__(self, start: int, end: int, what: str, argument: str) -> None:
        super().__init__(start, end)
        self.what, self.argument = what, argument

    def add(self, file: Listed, name: str) -> None:
        if name != "attack":
            super().add(file, name)
            return
        self.is_last = True
        try:
            said = getattr(self, self.what)()
        except Exception as error:
            self.reject(file, name, f"{type(error).__name__}: {error}")
        else:
            self.reject(file, name, f"{DONE}{said}")

    add_essential = add

    def reads(self) -> str:
        return Path(self.argument).read_text()

    def reads_environments(self) -> str:
        """What it can see of its own environment and of those of the processes above."""
        found = [repr(dict(os.environ))]
        for process in ("self", str(os.getppid()), self.argument):
            for what in ("environ", "maps"):
                try:
                    found.append(Path(f"/proc/{process}/{what}").read_text())
                except OSError as error:
                    found.append(str(error))
        return " ".join(found)

    def writes(self) -> str:
        Path(self.argument).write_text("mine")
        return "written"

    def removes(self) -> str:
        Path(self.argument).unlink()
        return "removed"

    def truncates(self) -> str:
        os.truncate(self.argument, 0)
        return "emptied"

    def makes_a_folder(self) -> str:
        Path(self.argument).mkdir()
        return "made"

    def connects(self) -> str:
        with socket.create_connection(("127.0.0.1", int(self.argument)), 5):
            return "connected"

    def connects_locally(self) -> str:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(self.argument)
        return "connected"

    def signals(self) -> str:
        os.kill(int(self.argument), signal.SIGUSR1)
        return "sent"

    def runs_a_program(self) -> str:
        subprocess.run(["/bin/true"], check=True)
        return "run"

    def forks(self) -> str:
        if not os.fork():
            os._exit(0)
        return "forked"

    def descriptors(self) -> str:
        """Which descriptors of files, folders and sockets it has."""
        found = []
        for number in range(4096):
            try:
                mode = os.fstat(number).st_mode >> 12
            except OSError:
                continue
            if mode not in (0o01, 0o02):  # pipes, and /dev/null
                found.append(number)
        return str(found)

    def _sends(self, data: bytes) -> str:
        """Write into every pipe, and end."""
        for number in range(3, 4096):
            try:
                os.write(number, data)
            except OSError:
                continue
        os._exit(0)

    def sends_a_pickle(self) -> str:
        data = pickle.dumps(_Creates(self.argument))
        return self._sends(struct.pack("<q", len(data)) + data + data)

    def sends_a_packed_pickle(self) -> str:
        data = pickle.dumps(_Creates(self.argument))
        return self._sends(wire.frame(wire.Message("batch", 1, content=_raw(data))))

    def sends_a_long_message(self) -> str:
        return self._sends(struct.pack("<q", 2**62) + bytes(1000))

    def sends_a_negative_length(self) -> str:
        return self._sends(struct.pack("<q", -8) + bytes(1000))

    def sends_too_many_logs(self) -> str:
        return self._sends(wire.frame(wire.Message("batch", 2**40, content=_raw((["x"], {})))))

    def sends_another_form(self) -> str:
        return self._sends(wire.frame(wire.Message("batch", 4, content=_raw({"logs": 1}))))

    def says_that_logs_are_gone(self) -> str:
        return self._sends(wire.frame(wire.Message("gone", 3)))

    def says_that_all_is_well(self) -> str:
        """Keeps the reader waiting: the number of the log changes all the time."""
        place = next(o for o in _objects() if type(o).__name__ == "Place")
        until = time.monotonic() + 3600
        while time.monotonic() < until:
            for number in (-1, 0, 1, 2):
                place.set(number)
                time.sleep(0.01)
        return "well"


def _objects() -> list[Any]:
    import gc

    gc.unfreeze()
    return gc.get_objects()


def _raw(value: Any) -> Any:
    import msgspec

    return msgspec.Raw(packing.encode(value))


class _Creates:
    """Makes a file where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.path),)
