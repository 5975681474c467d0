"""Whose a log is, where its file, the uid in it and its name say different things.

The runtime writes the uid and the name, and so can anybody. The owner of the file is the kernel's
word, unless it is an account that collects the logs of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from archive_tools.core.log_files import LogName
from archive_tools.core.vocabulary import FindingKind


class Claim(NamedTuple):
    """What a log says of itself, and what the system says of its file.

    Attributes
    ----------
    name : LogName or None
        What its name says.
    program : str
        By its command line.
    uid : int
        In the log.
    file_uid : int
        Owner of the file.
    """

    name: LogName | None
    program: str
    uid: int
    file_uid: int


@dataclass(frozen=True)
class Accounts:
    """The accounts of a site.

    Attributes
    ----------
    users : mapping of int to str
        Uid to name; empty where the site has no list of them.
    collectors : frozenset of int, optional
        Uids whose files are logs of others; None where owners of files say nothing, as those of
        copies.
    """

    users: Mapping[int, str] = field(default_factory=dict)
    collectors: frozenset[int] | None = None

    def is_of_other(self, claim: Claim) -> bool:
        """Whether the file is of another user than the log says."""
        return (
            self.collectors is not None
            and claim.file_uid != claim.uid
            and claim.file_uid not in self.collectors
        )

    def user(self, claim: Claim) -> str:
        """The name of the user whose log it is, "" where nobody can tell.

        That of the file's owner where the log says something else; by the list of users where that
        has the uid; else the log's name says it.
        """
        if self.is_of_other(claim):
            return self.users.get(claim.file_uid, "")
        return self.users.get(claim.uid, "") or self._named(claim)

    def _named(self, claim: Claim) -> str:
        account = self.users.get(claim.uid, "")
        return claim.name.user(claim.program, account) if claim.name else ""

    def doubts(self, claim: Claim) -> Iterator[tuple[FindingKind, str]]:
        """What does not agree: the kind of finding, and who they are."""
        named, account = self._named(claim), self.users.get(claim.uid, "")
        if self.is_of_other(claim):
            yield (
                FindingKind.OWNER_DIFFERS,
                f"file of uid {claim.file_uid}, log of uid {claim.uid}",
            )
        if account and named not in ("", account, str(claim.uid)):
            yield FindingKind.NAME_DIFFERS, f"named {named}, uid {claim.uid} is {account}"
