"""What analysts import: the archive with its jobs and pictures, in one place.

Every name here is offered by `archive_tools` itself. pandas is loaded when a DataFrame is
requested, matplotlib when a picture is drawn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive_tools.core.choices import HISTORY_DAYS, HISTORY_LIKE
from archive_tools.core.errors import BadArgument, NotFound
from archive_tools.core.quantities import counted
from archive_tools.core.time_texts import local_date, utc_text
from archive_tools.core.times import When, seconds_between
from archive_tools.jobs import job_history, job_lookup, job_tables, record_tables, verdicts
from archive_tools.jobs.job_history import MetricHistory
from archive_tools.jobs.verdicts import Verdict
from archive_tools.reading import archive as reading
from archive_tools.reading import summary

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


NEVER = -(2**62), 2**62
"""Epoch seconds before and after all times."""


class Archive(reading.Archive):
    """An archive folder: what is in it, time ranges, summaries, jobs.

    Parameters
    ----------
    root, hdf5_files, direct
        As for `reading.archive_days.ArchiveDays`: the folder, and further files.

    Attributes
    ----------
    root : pathlib.Path
    timezone : str
        IANA name of the zone whose calendar days the archive has.
    about : dict
        What the last run wrote of the site into `archive.json`.

    Raises
    ------
    NotFound
        There is no such folder.
    FormatError
        Its `archive.json` cannot be used.
    """

    def summarize(
        self,
        instance: str,
        start: When,
        end: When,
        *,
        datasets: str | Sequence[str] = (),
        by_component: bool = False,
    ) -> pd.DataFrame:
        """Totals, means, peaks and what is missing of an instance's datasets over a range of time.

        Parameters
        ----------
        instance : str
        start, end : str, datetime, date or epoch seconds
            As for `read`.
        datasets : str or sequence of str
            Names or shell patterns of datasets, of which each must match; default all.
        by_component : bool
            A row for each component in place of one for each dataset.

        Returns
        -------
        pandas.DataFrame
            Index ``dataset``, or ``dataset`` and ``component``. Columns: ``unit``; ``total`` (sum
            of an amount; NaN of a state); ``mean`` of the measured cells; ``peak`` (of an amount
            the largest row, all components together; of a state, and of one component, the largest
            cell); ``peak_at``, UTC, the start of its row; ``missing``, per cent of the cells.

        Raises
        ------
        NotFound
            No day of the range is in the archive, or it lacks one of the datasets.
        FormatError
            A day's file is damaged.
        """
        import pandas as pd

        first, last = seconds_between(start, end, self.timezone)
        found, _ = summary.summarize_range(
            self, instance, first, last, wanted=datasets, by_component=by_component
        )
        rows = [
            {"dataset": whole.dataset, "component": getattr(one, "name", ""), "unit": whole.unit}
            | {name: getattr(one, name) for name in ("total", "mean", "peak", "peak_at", "missing")}
            for whole in found
            for one in (whole.components if by_component else (whole,))
        ]
        frame = pd.DataFrame(
            rows,
            columns=["dataset", "component", "unit", "total", "mean", "peak", "peak_at", "missing"],
        )
        frame["peak_at"] = pd.to_datetime(frame["peak_at"], unit="s", utc=True)
        numbers = ["total", "mean", "peak"]
        frame[numbers] = frame[numbers].astype(float)
        if by_component:
            return frame.set_index(["dataset", "component"])
        return frame.drop(columns="component").set_index("dataset")

    def jobs(
        self,
        start: When,
        end: When,
        *,
        user: job_tables.Patterns = "",
        exe: job_tables.Patterns = "",
        fs: job_tables.Patterns = "",
        job: str | int = "",
        least_bytes: int = 0,
        order: str = "bytes",
        limit: int | None = None,
        account: job_tables.Patterns = "",
        partition: job_tables.Patterns = "",
    ) -> pd.DataFrame:
        """Jobs that ran at some time of a range, by logs, by the scheduler and by job_stats.

        Parameters
        ----------
        start, end : str, datetime, date or epoch seconds
            As for `read`.
        user, exe, fs, account, partition : str or sequence of str
            Names, or patterns with ``*`` and ``?``, of the user, one of the job's programs, the
            file system, the scheduler's account and partition, of which one must match; "" is any.
        job : str or int
            Job id.
        least_bytes : int
            Read and written together, at least.
        order : {'bytes', 'read', 'written', 'start', 'walltime', 'nprocs', 'coverage'}
            Largest first, unknown last.
        limit : int, optional
            Rows at most; 0 is all.

        Returns
        -------
        pandas.DataFrame
            A row a job, day and file system, as `docs/format.md` describes `darshan_jobs.parquet`
            and jobs of several accounts; what is not known is missing. One without I/O has no
            ``fsname``.

        Raises
        ------
        NotFound
            The archive has no table of jobs of these days.
        """
        first, last = seconds_between(start, end, self.timezone)
        wanted = job_tables.JobFilter(
            user, exe, fs, job, least_bytes, (first, last), account, partition
        )
        dates = local_date(first, self.timezone), local_date(last - 1, self.timezone)
        found = job_tables.find_jobs(self.root, *dates, wanted, order=order, limit=limit)
        frame: pd.DataFrame = found.to_pandas()
        return frame

    def records(self, instance: str, start: When, end: When) -> pd.DataFrame:
        """Jobs as an instance of a scheduler or of job_stats knows them, on the days of a range.

        The rows are those of the days' tables, see `docs/format.md`; a job of several days has one
        on each.

        Raises
        ------
        NotFound
            The archive has no such table of these days.
        """
        first, last = seconds_between(start, end, self.timezone)
        dates = local_date(first, self.timezone), local_date(last - 1, self.timezone)
        found: pd.DataFrame = record_tables.read_days(self.root, instance, *dates).to_pandas()
        return found

    def job(self, jobid: str | int, start: When | None = None, end: When | None = None) -> Job:
        """One job: the newest of its id.

        Parameters
        ----------
        jobid : str or int
        start, end : str, datetime, date or epoch seconds, optional
            Only a job that ran in this range.

        Raises
        ------
        NotFound
            There is no such job.
        """
        first = NEVER[0] if start is None else self.epoch_second(start)
        last = NEVER[1] if end is None else self.epoch_second(end)
        dates = (
            dt.date.min if start is None else local_date(first, self.timezone),
            dt.date.max if end is None else local_date(last - 1, self.timezone),
        )
        if last <= first:
            raise BadArgument(
                "the range is empty", expected="start before end", got=f"{start} to {end}"
            )
        between = None if start is end is None else (first, last)
        return Job(self, job_lookup.find_job(self.root, str(jobid), *dates, between=between)[0])


class Job:
    """A job as the archive knows it, by logs, scheduler and job_stats; `Archive.job` makes it.

    Attributes
    ----------
    jobid, username : str
    exenames : str
        Programs, comma-separated.
    nprocs : int or None
    start_time, end_time : int or None
        Epoch seconds, of the first log and of the last. None where no log has one that is possible.
    date : datetime.date
        Day of the archive that has it.
    record : archive_tools.jobs.job_lookup.JobDetails
        All of it as plain data.
    """

    def __init__(self, archive: reading.Archive, record: job_lookup.JobDetails) -> None:
        self._archive = archive
        self.record = record
        self.jobid, self.username, self.exenames = record.jobid, record.username, record.exenames
        self.nprocs, self.date = record.nprocs, record.date
        self.start_time, self.end_time = record.start_time, record.end_time

    def __repr__(self) -> str:
        processes = "processes not known"
        if self.nprocs is not None:
            processes = counted(self.nprocs, "process", "processes")
        begin, end = (
            "unknown" if stamp is None else utc_text(stamp)
            for stamp in (self.start_time, self.end_time)
        )
        used = ", ".join(str(row["fsname"]) for row in self.record.file_systems) or "none"
        return (
            f"Job {self.jobid} of {self.username or 'an unknown user'}: {self.exenames},"
            f" {processes}, {begin} to {end},"
            f" {counted(len(self.record.logs), 'log')}, file systems: {used}"
        )

    @property
    def file_systems(self) -> pd.DataFrame:
        """What the job did on each file system, and what its servers did meanwhile: a row each."""
        return _frame(self.record.file_systems)

    @property
    def logs(self) -> pd.DataFrame:
        """The job's logs, with their bytes: a row each."""
        return _frame(self.record.logs)

    @property
    def others(self) -> pd.DataFrame:
        """Other jobs on the same file systems at that time, most bytes first: a row each."""
        return _frame(self.record.others)

    def history(
        self,
        fs: str = "",
        *,
        days: int = HISTORY_DAYS,
        like: str | Sequence[str] = tuple(HISTORY_LIKE),
        **only: job_tables.Patterns,
    ) -> JobHistory:
        """Earlier runs of the same kind on one file system, and this run.

        Parameters
        ----------
        fs : str
            Name of the file system; default: where the job moved most.
        days : int
            How far back.
        like : {'exe', 'user', 'nprocs', 'account', 'partition'} or sequence of these
            What the runs have in common.
        account, partition : str or sequence of str, optional
            Names or patterns; only runs of these.

        Raises
        ------
        NotFound
            The job moved nothing there.
        """
        one = self.record.on_file_system(fs)
        since = self.date - dt.timedelta(days=min(days, (self.date - dt.date.min).days))
        runs = job_history.history(self._archive.root, one, since, self.date, like, **only)
        return JobHistory(self, str(one["fsname"]), tuple(runs))

    def verdict(self, fs: str = "") -> Verdict:
        """Whether it was slower than its history, and its file system busier than usual."""
        return verdicts.verdict(self._archive.root, self.record, fs)

    def plot(self, fs: str = "") -> Figure:
        """A picture of what the servers, and all applications, did around the job.

        Parameters
        ----------
        fs : str
            Name of the file system; default: where the job moved most.

        Raises
        ------
        NotFound
            The job moved nothing there, or the archive has nothing of its servers.
        MissingPackage
            matplotlib is not installed.
        """
        from archive_tools import plotting
        from archive_tools.plotting import job_panels

        one = self.record.on_file_system(fs)
        if self.start_time is None or self.end_time is None:
            raise NotFound(f"it is not known when job {self.jobid} ran")
        panels = job_panels.panels(self._archive, self.record, one)
        if not panels:
            raise NotFound(
                f"the archive has nothing of the servers behind {one['fsname']} at that time",
                hint="fsname_to_instance in site.json",
            )
        return plotting.job(
            panels,
            (self.start_time, self.end_time + 1),
            timezone=self._archive.timezone,
            title=f"Job {self.jobid}, {self.exenames}, {self.username}",
        )


@dataclass(frozen=True)
class JobHistory:
    """Runs of one kind on one file system; `Job.history` makes it.

    Attributes
    ----------
    job : Job
        The newest run.
    fsname : str
    records : tuple of dict
        A row of the table of jobs for each run, oldest first; the last is the job's own.
    """

    job: Job
    fsname: str
    records: tuple[job_tables.Row, ...]

    def __repr__(self) -> str:
        earlier = counted(len(self), "earlier run")
        return f"JobHistory of job {self.job.jobid} on {self.fsname}: {earlier}"

    def __len__(self) -> int:
        """How many earlier runs there are."""
        return len(self.records) - 1

    def metrics(self) -> list[MetricHistory]:
        """What is compared: rates, coverage, loads, ...; those that no run has are left out."""
        return job_history.metrics(self.records)

    def to_dataframe(self) -> pd.DataFrame:
        """The runs, oldest first, a row each."""
        return _frame(self.records)

    def plot(self) -> Figure:
        """The UMAMI diagram of the metrics.

        Raises
        ------
        NotFound
            No run has any of them.
        MissingPackage
            matplotlib is not installed.
        """
        from archive_tools import plotting

        found = self.metrics()
        if not found:
            raise NotFound(f"nothing is known of job {self.job.jobid} on {self.fsname}")
        return plotting.umami(found, timezone=self.job._archive.timezone, title=self.title)

    @property
    def title(self) -> str:
        """What the history is of, for people."""
        earlier = counted(len(self), "earlier run")
        return f"Job {self.job.jobid}, {self.job.exenames} on {self.fsname}: {earlier}"


def _frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows))
