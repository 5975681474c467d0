"""Names as a published copy has them: HMAC-SHA256 by a secret key, cut to 64 bits.

The same name of the same kind is the same hash on every day; without the key nobody can find a name
by trying. Names of instances, file systems and Lustre's targets are kept unless all are hashed.
Every function takes the empty text for "not known" and leaves it so.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from archive_tools.core.errors import BadArgument
from archive_tools.core.private_files import check_private

KEY_BYTES = 32
DIGEST_BYTES, UID_BITS, JOB_BITS = 8, 48, 62
TARGET = re.compile(r"(?:[A-Za-z0-9_.]+[-_])?(?:OST|MDT)[0-9a-f]{4,8}")
"""Names that Lustre gives to targets."""
FILE_SYSTEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""Names that a site gives to file systems; a path, or a container of DAOS, is none."""
UNKNOWN = "UNKNOWN"
"""What stands for files of no known mount point."""


def read_key(path: Path) -> tuple[bytes, bool]:
    """The key in a file that only its owner may read; made where it is not there.

    Returns
    -------
    key : bytes
    made : bool

    Raises
    ------
    BadArgument
        Others may read the file, or it does not hold a key.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _made(path), True
    except OSError as error:
        raise BadArgument(f"the key {path} cannot be read: {error.strerror or error}") from error
    with os.fdopen(handle, "rb") as file:
        check_private(
            handle,
            f"the key {path}",
            "chmod 600; if others have read it, take a new key and a new folder",
        )
        text = file.read(1024).strip()
    if not re.fullmatch(rb"[0-9a-f]{64,256}", text):
        raise BadArgument(
            f"{path} does not hold a key",
            expected=f"at least {2 * KEY_BYTES} hexadecimal digits",
            hint="name a file that is not there: it is made",
        )
    return bytes.fromhex(text.decode("ascii")[: len(text) // 2 * 2]), False


def _made(path: Path) -> bytes:
    key = secrets.token_bytes(KEY_BYTES)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(handle, 0o600)  # whatever the umask
            file.write(f"{key.hex()}\n")
            file.flush()
            os.fsync(handle)
    except OSError as error:
        raise BadArgument(f"the key {path} cannot be made: {error.strerror or error}") from error
    return key


class Names:
    """Names of one copy.

    Parameters
    ----------
    key : bytes
    hash_all : bool
        Also hash names of instances, file systems and Lustre's targets.
    """

    def __init__(self, key: bytes, *, hash_all: bool = False) -> None:
        self._key, self.hash_all = key, hash_all

    def _digest(self, kind: str, text: str) -> bytes:
        message = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).digest()

    def hashed(self, kind: str, text: str) -> str:
        """``user-0123456789abcdef``."""
        return f"{kind}-{self._digest(kind, text)[:DIGEST_BYTES].hex()}" if text else ""

    def _number(self, kind: str, text: str, bits: int) -> int:
        return int.from_bytes(self._digest(kind, text)[:8], "big") >> (64 - bits)

    def fingerprint(self, text: str) -> str:
        """16 hexadecimal digits, for names of receipts."""
        return self._digest("fingerprint", text)[:DIGEST_BYTES].hex()

    @property
    def key_id(self) -> str:
        """What tells whether two copies were made with the same key, and as much hashed."""
        return self.fingerprint("all" if self.hash_all else "names")

    def user(self, name: str) -> str:
        """A user's name."""
        return self.hashed("user", name)

    def uid(self, number: int) -> int:
        """A user's number: another number; below zero is not known."""
        return self._number("uid", str(number), UID_BITS) if number >= 0 else -1

    def gid(self, number: int) -> int:
        """A group's number: another number."""
        return self._number("gid", str(number), UID_BITS) if number >= 0 else -1

    def job(self, name: str) -> str:
        """A job's id: another number, as text."""
        return str(self._number("job", name, JOB_BITS)) if name else ""

    def log(self, name: str) -> str:
        """The name of a log's file."""
        return f"{self.hashed('log', name)}.darshan" if name else ""

    def folder(self, path: str) -> str:
        """A folder."""
        return self.hashed("folder", path)

    def program(self, name: str) -> str:
        """The name of a program, without its folder."""
        return self.hashed("exe", name)

    def program_path(self, path: str) -> str:
        """A program with its folder, each hashed: the end is what `program` gives."""
        folder, slash, name = path.rpartition("/")
        hashed = self.program(name)
        return f"/{self.folder(folder or slash)}/{hashed}" if slash else hashed

    def mount(self, path: str) -> str:
        """A mount point, or a container of DAOS."""
        return path if path in ("", UNKNOWN) else f"/{self.hashed('mount', path)}"

    def file_system(self, name: str) -> str:
        """The name of a file system; one that is a mount point is hashed as such."""
        if name in ("", UNKNOWN):
            return name
        if not FILE_SYSTEM.fullmatch(name):
            return self.mount(name)
        return self.hashed("fs", name) if self.hash_all else name

    def instance(self, name: str) -> str:
        """The name of an instance."""
        return self.hashed("instance", name) if self.hash_all else name

    def component(self, name: str) -> str:
        """A column of a server, or of a target: ``host:device`` part by part."""
        if TARGET.fullmatch(name):
            return self.hashed("target", name) if self.hash_all else name
        host, colon, device = name.partition(":")
        more = f":{self.hashed('device', device)}" if colon else ""
        return f"{self.hashed('host', host)}{more}"
