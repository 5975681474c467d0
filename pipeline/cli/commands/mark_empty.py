"""`tokio-pipeline mark-empty`: days that have no data for good."""

from __future__ import annotations

import argparse

from archive_tools.core.errors import ConfigError
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store import lock
from archive_tools.store.receipts import Receipt, Receipts
from pipeline.building.provenance import now
from pipeline.cli import common_options, exit_codes
from pipeline.runs import execution, recording
from pipeline.schemas.source_maps import RAW_VERSION
from pipeline.tasks.base import NO_FINGERPRINT
from pipeline.tasks.nightly import Nightly

HELP = "say that days have no data for good"
ABOUT = """Say that days of an instance have no data and will never have: the machine was down, the
logs were lost. No run queries the source for them again, and status counts them as done, with who
said so and why. `invalidate` takes it back."""
EXAMPLES = (
    (
        "--start 2026-11-03 --stop 2026-11-05 --instance cscratch --why 'LMT server was being"
        " replaced'"
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    common_options.add_site(parser)
    common_options.add_range(parser)
    common_options.add_instances(parser)
    common_options.add_reason(parser, required=True)
    common_options.add_wait(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = common_options.loaded(options)
    if not options.instance:
        raise ConfigError("--instance is missing", expected=", ".join(site.sources))
    if not options.why.strip():
        raise ConfigError("--why is empty", expected="the reason, in a few words")
    dates, instances = common_options.dates(options, site), common_options.instances(options, site)
    if dates[-1] > site.yesterday():
        raise ConfigError(f"{dates[-1]} is not over", expected=f"days up to {site.yesterday()}")
    receipts = Receipts(site.root)
    reported = {
        "who": common_options.who(options),
        "why": options.why,
        "written": now(),
    }
    with (
        recording.writing(site, "mark-empty") as codes,
        lock.holding(site.root, dates, patience=options.wait),
        execution.swept(site, dates),
    ):
        days = receipts.days(dates)
        archived = [
            f"{date} {instance}"
            for date in dates
            for instance in instances
            if any(days[date].good(instance, product) for product in Nightly.parts)
        ]
        if archived:
            raise ConfigError(
                "there are data: "
                + "; ".join(common_options.listed(archived, "nothing was marked")),
                hint="tokio-pipeline invalidate comes first where these data are to be ignored",
            )
        for date in dates:
            for instance in instances:
                receipts.write(
                    Receipt(
                        date, instance, Product.RAW, RAW_VERSION, NO_FINGERPRINT, ReceiptState.EMPTY
                    ),
                    reported,
                )
                for product in Nightly.parts:
                    receipts.remove(date, instance, product, ReceiptState.FAILED)
        codes.append(exit_codes.COMPLETE)
    print(f"{len(dates)} days of {', '.join(instances)} are marked as empty")
    return codes[-1]
