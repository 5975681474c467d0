"""A day's Darshan logs: every file of the day's folders is indexed, or rejected with a reason.

`fetch` writes a manifest: which files there are, their sizes and times. The logs themselves stay
where the site keeps them. `jobs` are to be read by `pipeline.processes.isolated`, wherever there
are processors.
"""

from __future__ import annotations

import functools
import hashlib
import os
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from archive_tools.core import software
from archive_tools.core.day import Day
from archive_tools.core.errors import NoData
from archive_tools.core.extras import check_extra
from archive_tools.core.vocabulary import RejectReason
from archive_tools.schemas import BUILD_VERSION
from pipeline.model import LogBatch, LogIdentity, shown
from pipeline.processes import isolated
from pipeline.schemas import source_maps
from pipeline.schemas.source_maps import LogSelector
from pipeline.site import Site
from pipeline.sources.contract import Fetched, Inputs, LogSource, Rejects, Result
from pipeline.sources.darshan import options as keys
from pipeline.sources.darshan.accounts import Accounts
from pipeline.sources.darshan.listed_logs import Listed
from pipeline.sources.darshan.listing import LogFile, listed_files, named_folders
from pipeline.sources.darshan.options import Options

__all__ = ["SOURCE", "Darshan", "Options"]

CHUNK = 2_000
"""Logs of a job."""
Metric: TypeAlias = source_maps.SourceMetric[LogSelector]


@functools.cache
def metrics() -> tuple[Metric, ...]:
    """The rows of `sources/darshan.toml`."""
    return source_maps.source_map(source_maps.table_of("darshan"), LogSelector)


class Darshan(LogSource[keys.Options]):
    """Folders of Darshan logs."""

    kind = "darshan"
    version = 2
    Options = keys.Options
    Selector = LogSelector
    reader = f"libdarshan-util of darshan {software.version('darshan')}, build {BUILD_VERSION}"

    def metrics(self) -> tuple[Metric, ...]:
        """The rows of `sources/darshan.toml`."""
        return metrics()

    def with_absolute_paths(self, options: keys.Options, site: Site) -> keys.Options:
        """Paths counted from site.json; the site's time zone and `mount_to_fsname` where the source
        has none.
        """
        return keys.with_absolute_paths(options, site)

    def mount_to_fsname(self, options: keys.Options) -> Mapping[str, str]:
        """The instance's own, or the site's."""
        return options.mount_to_fsname

    def inputs(self, options: keys.Options, day: Day) -> Inputs:
        """Names, sizes and times of the day's files."""
        try:
            return _inputs_of(listed_files(options, day).files)
        except NoData:
            return {"files": None}

    def server_info(self, options: keys.Options, day: Day) -> Mapping[str, str]:
        """What will read the logs."""
        return {"reader": self.reader, "timezone": options.timezone}

    def fetch(self, options: keys.Options, day: Day, folder: Path) -> Fetched:
        """Write the manifest of the day's logs; counts them, and files that are passed over."""
        from pipeline.sources.darshan import manifest

        listing = listed_files(options, day)
        files = listing.files
        manifest.write(files, folder)
        return Fetched(listing.counts(), _inputs_of(files))

    def contains(self, newer: Path, older: Path) -> bool:
        """Whether a manifest has all files of an older one, moved ones among them."""
        from pipeline.sources.darshan import manifest

        files = manifest.read(newer)
        return len(manifest.union([files, manifest.read(older)])) == len(files)

    def jobs(
        self,
        options: keys.Options,
        day: Day,
        folder: Path,
        reduce: Callable[[LogBatch], Result],
        known: Rejects | None = None,
    ) -> Iterator[isolated.IsolatedRead[Result]]:
        """The logs of the manifest as jobs for `pipeline.processes.isolated.run`.

        Parameters
        ----------
        options, day, folder
            As for `fetch`.
        reduce : callable
            From a `LogBatch` to what a job gives; must be picklable. What it is annotated to
            return is what is taken from the readers.
        known : mapping, optional
            Files that the same software rejected before: they are tried again only when they
            change.
        """
        files = self.files_of([folder])
        return self.jobs_of(options, day, files, files, reduce, known)

    def files_of(self, pieces: Sequence[Path]) -> list[LogIdentity]:
        """The files of the manifests, each once, as the newest one has it."""
        from pipeline.sources.darshan import manifest

        return manifest.union(map(manifest.read, pieces))

    def jobs_of(
        self,
        options: keys.Options,
        day: Day,
        files: Sequence[LogIdentity],
        wanted: Collection[LogIdentity],
        reduce: Callable[[LogBatch], Result],
        known: Rejects | None = None,
    ) -> Iterator[isolated.IsolatedRead[Result]]:
        """As `jobs`, for the wanted ones of the day's files."""
        from pipeline.sources.darshan.log_batches import BatchReader

        check_extra(options.needed_extra, "reading Darshan logs")
        known = {
            file: reason for file, reason in (known or {}).items() if RejectReason.lasts(reason)
        }
        limits = isolated.Limits(
            options.log_seconds,
            options.log_memory_mb * 2**20,
            options.owner_seconds,
            options.run_seconds,
        )
        run = uuid.uuid4().hex
        wanted = frozenset(wanted)
        new_batch = functools.partial(
            BatchReader,
            *(day.start, day.end),
            Accounts(options.names_by_uid(), options.collectors(named_folders(options, day))),
            follow_links=options.follow_links,
            most=limits.memory // 2,
        )
        pairs = [
            (file, name)
            for file, name in zip(files, _unique_names(files), strict=True)
            if file in wanted
        ]
        for first in range(0, max(1, len(pairs)), CHUNK):
            listed = [
                (Listed(*file, known=known.get((name, file.size, file.mtime_ns), "")), name)
                for file, name in pairs[first : first + CHUNK]
            ]
            form = isolated.form_of(reduce)
            yield isolated.IsolatedRead(listed, new_batch, reduce, limits, form, run)

    def run(self, job: isolated.IsolatedRead[Result]) -> list[Result]:
        """Run a job in a reader of its own; the results of its batches, in order."""
        return isolated.run(job)


def _inputs_of(files: Sequence[LogFile]) -> Inputs:
    digest = hashlib.sha256()
    for file in files:
        digest.update(repr(tuple(file)).encode("utf-8", "backslashreplace"))
    return {"files": sum(file.own for file in files), "names": digest.hexdigest()}


def _unique_names(files: Sequence[LogIdentity]) -> list[str]:
    """Base names, or whole paths for base names that occur in two folders."""
    base = [shown(os.path.basename(file.name)) for file in files]
    count = Counter(name for name, file in zip(base, files, strict=True) if file.own)
    names = [
        name if count[name] <= 1 else shown(os.path.join(file.root, file.name))
        for name, file in zip(base, files, strict=True)
    ]
    taken = Counter(names)
    given: set[str] = set()
    for i, name in enumerate(names):  # two that differ in bytes may be shown as the same text
        number, new = 1, name
        while new in given or (new != name and new in taken):
            number += 1
            new = f"{name}#{number}"
        given.add(new)
        names[i] = new
    return names


SOURCE = Darshan()
