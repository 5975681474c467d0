"""The archive's pages: which files may be sent, by the patterns of their names, and how one is
opened.

Nothing else of the archive has an address here: no receipts, no raw data, no files of series. An
address is compared as the client sent it, so one with percent signs, dots for folders or doubled
slashes is none; no link is followed below the archive's folder.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from archive_tools.core.errors import NotFound
from archive_tools.serving.answers import Answer, etag_of, status_facts

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
PAGES = re.compile(
    rf"""
    index\.html                                            # a year of days
    | (?:\d{{4}}/)?\d{{4}}(?:-\d{{2}})?\.html              # a year, a month
    | \d{{4}}/\d{{4}}-\d{{2}}-\d{{2}}/(?:jobs/)?{_NAME}\.html   # a day and its jobs
    | assets/{_NAME}\.(?:css|js|json|png|svg|woff2|txt)    # what they use
    """,
    re.VERBOSE | re.ASCII,
)
"""Paths below the archive's folder."""
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
    "txt": "text/plain; charset=utf-8",
}
INDEX = "index.html"
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def path_of(address: str) -> str | None:
    """The path of the page that an address names, below the archive's folder; None where it is not
    that of a page.

    Parameters
    ----------
    address : str
        As the client sent it, with its percent signs.
    """
    path = address.removeprefix("/") or INDEX
    return path if address.startswith("/") and PAGES.fullmatch(path) else None


def page(root: Path, path: str) -> Answer:
    """A page: the file is open, so one that replaces it meanwhile changes nothing.

    Raises
    ------
    NotFound
        There is no such regular file, or it is behind a link.
    """
    try:
        handle = _opened(root, path)
    except OSError as error:
        raise NotFound(
            f"there is no page {path}", hint="the nightly run writes pages; see its log"
        ) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise NotFound(f"{path} is not a page", expected="a regular file")
    media_type = MEDIA_TYPES[path.rpartition(".")[2]]
    etag = etag_of(path, status_facts(status))
    return Answer(os.fdopen(handle, "rb"), status.st_size, media_type, etag)


def _opened(root: Path, path: str) -> int:
    *folders, name = path.split("/")
    here = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            inner = os.open(folder, _LOOK, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(name, _READ, dir_fd=here)
    finally:
        os.close(here)
