"""The archive's folder as a site wants it: its rights, and what readers need to know."""

from __future__ import annotations

import grp
import json
import logging
import shutil
import stat
from pathlib import Path

from archive_tools.core.accounts import account
from archive_tools.core.errors import ArchiveError
from archive_tools.store import files, layout
from pipeline.building import archive_identity
from pipeline.site import Site
from pipeline.sources import registry as sources

log = logging.getLogger("tokio")


def prepare(site: Site) -> None:
    """Make the archive's folder, of the site's group, which all that is made in it then has too.

    Raises
    ------
    ArchiveError
        It cannot be made, or the group is not known or not ours.
    ConfigError
        It is not the archive that it was; see `archive_identity`.
    """
    archive_identity.check(site)
    new = not site.root.exists()
    try:
        site.root.mkdir(parents=True, exist_ok=True)
        if site.group:
            _give_to_group(site.root, site.group, new=new)
    except LookupError:
        raise ArchiveError(
            f"the group {site.group!r} of site.json is not known on this host",
            hint="check the key group, or make the group",
        ) from None
    except OSError as error:
        raise ArchiveError(
            f"{site.root} cannot be made ready: {error.strerror or error}",
            hint=(
                f"look at its rights, and whether the account {account()} is in the group of"
                " site.json"
            ),
        ) from error
    write_about(site)


def _give_to_group(root: Path, group: str, *, new: bool) -> None:
    status = root.stat()
    if new or status.st_gid != grp.getgrnam(group).gr_gid:
        shutil.chown(root, group=group)
        if not new:
            log.warning(
                "%s has group %s from now on; what is in it already has not: chgrp -R and chmod g+s"
                " its folders",
                root,
                group,
            )
    if not status.st_mode & stat.S_ISGID:
        root.chmod(stat.S_IMODE(status.st_mode) | stat.S_ISGID)


def write_about(site: Site) -> None:
    """Write `archive.json`: what readers need to know of the site; only when it changes."""
    path = site.root / layout.ABOUT
    names = sorted({*site.fsname_to_instance, *site.mount_to_fsname.values()})
    behind = {
        name: found.model_dump() for name in names if (found := sources.servers_of(site, name))
    }
    about = {
        "site": site.site,
        "timezone": site.timezone,
        "hdf5_files": site.older_files(),
        "fsname_to_instance": behind,
        "instances": archive_identity.read(site.root).get("instances", {})
        | archive_identity.instances(site),
        "layout": 1,
    }
    joins = {"schedulers": site.schedulers, "lustre_to_fsname": site.lustre_to_fsname}
    about |= {key: found for key, found in joins.items() if found}
    text = json.dumps(about, indent=1) + "\n"
    if not path.is_file() or path.read_bytes() != text.encode():
        files.write_text(path, text, over_folder=True)


def size_of(path: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
