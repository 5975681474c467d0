"""Arguments of `tokio-archive job`."""

from __future__ import annotations

import argparse
from pathlib import Path

from archive_tools.cli import common_options

HELP = "how a job did, what the servers saw, who else was there"
ABOUT = """What a job did, what the servers behind its file systems saw meanwhile, and who else was
there. Coverage is the job's bytes by those that the servers moved in that time: near 1, the job was
alone; far below, others were busy. Where its logs have more than the servers, a client's cache
answered: then it is said how many times as much ("logs ×3.2"; --json has the figure). Share
is the job's part of what all logged jobs moved, over the whole rows of darshan.hdf5 that it
touches: that of a job shorter than its timestep is of a longer time. Of a job that Slurm or
Lustre's job_stats know, also what they have of it, with or without logs. The last sentence says
whether it was slower than its history, and the file system busier than usual. The newest day that
has the job is shown, or the newest of the range, if one is given; START alone is that day, and of a
range with times the job must have run in it."""
EXAMPLES = ("9100003", "9100003 --start 2026-11-22 --json", "9100003 --plot job.png --fs scratch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("job", metavar="JOBID")
    common_options.add_range(parser, positional=False, is_open=True)
    common_options.add_archive(parser)
    common_options.add_accounts(parser)
    parser.add_argument(
        "--fs",
        default="",
        metavar="NAME",
        help="file system of the picture and the verdict (default: where the job moved most)",
    )
    parser.add_argument(
        "--limit",
        type=common_options.count,
        default=10,
        metavar="N",
        help="logs and other jobs listed; 0 is all (default: 10)",
    )
    parser.add_argument(
        "--json", action="store_true", help="as JSON, with every column, base units"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it: .png or .svg")
