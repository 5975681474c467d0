"""`tokio-pipeline mark-empty`: days that have no data for good."""

from __future__ import annotations

import argparse

from archive_tools.core.errors import ConfigError
from archive_tools.core.quantities import counted
from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store import aside, layout, lock
from archive_tools.store.receipts import PARTS, Receipt, Receipts
from pipeline.building.provenance import now
from pipeline.cli import common_options, exit_codes, site_options
from pipeline.runs import execution, recording
from pipeline.schemas.source_maps import RAW_VERSION
from pipeline.tasks.base import NO_FINGERPRINT


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    site = site_options.loaded(options)
    if not options.instance:
        raise ConfigError("--instance is missing", expected=", ".join(site.sources))
    if not options.why.strip():
        raise ConfigError("--why is empty", expected="the reason, in a few words")
    dates, instances = site_options.dates(options, site), site_options.instances(options, site)
    if dates[-1] > site.yesterday():
        raise ConfigError(f"{dates[-1]} is not over", expected=f"days up to {site.yesterday()}")
    receipts = Receipts(site.root)
    reported = {
        "who": site_options.who(options),
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
            if any(days[date].good(instance, product) for product in PARTS)
        ]
        if archived:
            raise ConfigError(
                "there are data: "
                + "; ".join(common_options.listed(archived, "nothing was marked")),
                hint="tokio-pipeline invalidate comes first where these data are to be ignored",
            )
        for date in dates:
            for instance in instances:
                aside.put_products_aside(site.root, date, instance)
                receipts.write(
                    Receipt(
                        date, instance, Product.RAW, RAW_VERSION, NO_FINGERPRINT, ReceiptState.EMPTY
                    ),
                    reported,
                )
                for product in PARTS:
                    receipts.remove(date, instance, product, ReceiptState.FAILED)
        codes.append(exit_codes.COMPLETE)
    verb = "is" if len(dates) == 1 else "are"
    print(f"{counted(len(dates), 'day')} of {', '.join(instances)} {verb} marked as empty")
    if any(layout.path(site.root, layout.REPORT, date).is_file() for date in dates):
        print(
            "their pages say so after the next nightly run within late_days, or now by"
            f" tokio-pipeline rebuild --start {dates[0]} --stop {dates[-1]}"
        )
    return codes[-1]
