"""`tokio-archive umami`: a job beside its own history."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from archive_tools.cli import common_options, exit_codes, printing
from archive_tools.cli.commands.job import found
from archive_tools.core.choices import HISTORY_LIKE
from archive_tools.core.errors import NotFound
from archive_tools.public import Job

if TYPE_CHECKING:
    from archive_tools.jobs.job_history import MetricHistory


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
        like=options.like or tuple(HISTORY_LIKE),
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
