"""Keys of a source of Darshan logs in site.json."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import pwd
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from archive_tools.core.errors import SourceError
from pipeline.schemas.site_types import Templates, Timestep, UserNames
from pipeline.site import Site, SourceOptions

TWO_DAYS = dt.date(2001, 1, 1), dt.date(2001, 1, 2)
"""Neighbours in one month: a template that says the day is not the same for both."""


class Options(SourceOptions):
    """Keys of a Darshan source.

    Attributes
    ----------
    logs : str or list of str
        Folders (read whole, with their subfolders) or glob patterns; strftime templates.
    timestep : int
        Seconds a row of the series; 60 unless given.
    neighbours : int
        Days before and after whose folders are searched for logs of jobs that ran over midnight.
    log_seconds, log_memory_mb
        What reading one log may cost; more, and it is rejected.
    owner_seconds, run_seconds
        What logs that reach these limits may cost together, those of one owner and all of a day:
        the time limit of the next one is at most half of what is left.
    mount_to_fsname : dict of str to str
        In place of the site's.
    passwd : str
        File of the form of /etc/passwd: completes names of users, which the runtime may have cut
        to eight bytes, by the logs' uids.
    follow_links : bool
        Whether links below the folders that lead to files are followed whatever these are; else
        only where everybody may read the file.
    log_owners : list of str or int
        Accounts (names or uids) that write or copy the logs of others: the owner of such a file
        says nothing of whose log it is.
    users : dict of str to str
        Uid to name, such as {"1001": "jonathansmith"}: as `passwd`, before which it counts.
    """

    ORIGIN: ClassVar[frozenset[str]] = frozenset(
        {
            "logs",
            "log_seconds",
            "log_memory_mb",
            "owner_seconds",
            "run_seconds",
            "passwd",
            "users",
            "follow_links",
            "log_owners",
        }
    )

    kind: Literal["darshan"]
    logs: Templates
    timestep: Timestep = 60
    neighbours: int = Field(default=1, ge=0, le=31)
    log_seconds: float = Field(default=300.0, gt=0)
    log_memory_mb: int = Field(default=4096, ge=64)
    owner_seconds: float = Field(default=600.0, gt=0)
    run_seconds: float = Field(default=3600.0, gt=0)
    mount_to_fsname: dict[str, str] = {}
    passwd: str = ""
    follow_links: bool = False
    log_owners: list[str | int] = ["root"]
    users: UserNames = {}

    def made_of(self) -> str:
        """The keys that say what is made of the data; of `passwd` and `users` only that names are
        completed, as these change all the time.
        """
        keys, is_completed = super().made_of(), bool(self.passwd or self.users)
        return json.dumps({**json.loads(keys), "passwd": True}) if is_completed else keys

    def names_by_uid(self) -> dict[int, str]:
        """Uid to name by `users`, else `passwd`, of which the first line of a uid counts. Lines of
        other forms, such as those of NIS, are passed over.

        Raises
        ------
        SourceError
            The file cannot be read.
        """
        found = {int(uid): name for uid, name in self.users.items()}
        if not self.passwd:
            return found
        try:
            text = Path(self.passwd).read_bytes().decode("utf-8", "backslashreplace")
        except OSError as error:
            raise SourceError(
                f"passwd: {self.passwd} cannot be read: {error.strerror}",
                expected="a file of the form of /etc/passwd",
            ) from error
        for line in text.splitlines():
            name, _, uid, *_ = [*line.split(":"), "", ""]
            if name and not name.startswith("#") and uid.isascii() and uid.isdecimal():
                found.setdefault(int(uid), name)
        return found

    def collectors(self, folders: Iterable[str]) -> frozenset[int]:
        """Uids whose files are logs of others: `log_owners`, the account that runs this, and the
        owners of the folders that site.json names, who may write what they like there.

        Raises
        ------
        SourceError
            There is no such account.
        """
        uid_of = {name: uid for uid, name in sorted(self.names_by_uid().items(), reverse=True)}
        found = {os.geteuid(), *(_uid_of(owner, uid_of) for owner in self.log_owners)}
        for folder in folders:
            with contextlib.suppress(OSError):
                found.add(os.stat(folder).st_uid)
        return frozenset(found)

    @property
    def templates(self) -> Sequence[str]:
        """`logs` as a list."""
        return [self.logs] if isinstance(self.logs, str) else self.logs

    @property
    def doubts(self) -> Sequence[str]:
        """Templates that lead to the same logs on every day."""
        return [
            f"logs: {template!r} does not say the day (%Y, %m, %d): the same logs count on every"
            " day"
            for template in self.templates
            if len({date.strftime(template) for date in TWO_DAYS}) == 1
        ]

    @property
    def needed_extra(self) -> str:
        """libdarshan-util, and cffi to call it."""
        return "darshan"


def _uid_of(account: str | int, known: Mapping[str, int]) -> int:
    if isinstance(account, int):
        return account
    try:
        return known[account] if account in known else pwd.getpwnam(account).pw_uid
    except (KeyError, ValueError):
        raise SourceError(
            f"log_owners: there is no account {account!r}",
            expected="names of accounts of passwd or of this machine, or uids",
        ) from None


def with_absolute_paths(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone and `mount_to_fsname` where the source has
    none.
    """
    update = {
        "logs": [str(site.path(name)) for name in options.templates],
        "timezone": options.timezone or site.timezone,
        "mount_to_fsname": options.mount_to_fsname or site.mount_to_fsname,
        "passwd": str(site.path(options.passwd)) if options.passwd else "",
    }
    return options.model_copy(update=update)
