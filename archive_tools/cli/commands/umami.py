"""`tokio-archive umami`: a job beside its own history."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.cli.commands.job import found
from archive_tools.core.errors import NotFound
from archive_tools.jobs import job_history
from archive_tools.public import Job

if TYPE_CHECKING:
    from archive_tools.jobs.job_history import MetricHistory

HELP = "a job beside its history: the diagram of metrics, quartiles and today"
ABOUT = """Draws the UMAMI diagram (Lockwood and others, PDSW-DISCS 2017) of a job and file system:
a row a metric, its history over earlier runs of the same kind on the left, their box plot on the
right, this run's value across it. Runs of the same kind have the same program, user and number of
processes; --like says otherwise. --account and --partition are of the job and its earlier runs,
by the scheduler. Without --output a table. The job is the newest of that number, or
the newest of the range, if one is given; START alone is that day."""
EXAMPLES = (
    "9100092 --fs scratch --like exe --output umami.png",
    "9100092 --like exe --days 365 --json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("job", metavar="JOBID")
    common_options.add_range(parser, positional=False, is_open=True)
    common_options.add_archive(parser)
    common_options.add_accounts(parser)
    parser.add_argument(
        "--fs", default="", metavar="NAME", help="file system (default: where the job moved most)"
    )
    parser.add_argument(
        "--like",
        choices=sorted(job_history.ALSO_LIKE),
        action="append",
        help="what runs have in common (may be given again; default: exe, user and nprocs)",
    )
    parser.add_argument(
        "--days",
        type=common_options.count,
        default=job_history.DAYS,
        metavar="N",
        help=f"days before the job that are looked at (default: {job_history.DAYS})",
    )
    parser.add_argument(
        "--json", action="store_true", help="as JSON: every metric's history, base units"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help=".png or .svg")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from archive_tools import plotting

    if options.output:
        printing.target(options.output, printing.PICTURES)
    archive = common_options.open_archive(options.archive)
    job = Job(archive, found(archive, options)[0])
    history = job.history(
        options.fs,
        days=options.days,
        like=options.like or tuple(job_history.LIKE),
        account=options.account,
        partition=options.partition,
    )
    metrics = history.metrics()
    if not metrics:
        raise NotFound(f"nothing is known of job {job.jobid} on {history.fsname}")
    if options.json:
        printing.show_json(
            [
                {
                    "metric": m.label,
                    "unit": m.unit,
                    "timestamps": m.timestamps.tolist(),
                    "values": m.values.tolist(),
                }
                for m in metrics
            ]
        )
    elif options.output:
        figure = history.plot()
        with printing.writing(options.output):
            plotting.save(figure, options.output)
    else:
        printing.say(f"j{history.title[1:]}")
        printing.show(
            ["metric", "this run", "quarter 1", "median", "quarter 3", "standing"],
            [_line(metric) for metric in metrics],
            left=(0, 5),
        )
    return exit_codes.DONE


def _line(metric: MetricHistory) -> list[str]:
    import numpy as np

    from archive_tools.core import quantities
    from archive_tools.plotting import umami_diagram

    past = metric.values[:-1][np.isfinite(metric.values[:-1])]
    today = float(metric.values[-1])
    shown = [
        None if not np.isfinite(today) else today,
        *(np.percentile(past, [25, 50, 75]).tolist() if len(past) else [None] * 3),
    ]
    rank = umami_diagram.quartile(past, today, metric.big_is_good)
    return [
        metric.label,
        *(quantities.quantity(value, metric.unit) for value in shown),
        rank.words if rank else "too few to say",
    ]
