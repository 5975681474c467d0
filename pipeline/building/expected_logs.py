"""Whether a day without a log is one: not where each of the last complete days had some."""

from __future__ import annotations

import datetime as dt

from archive_tools.core.vocabulary import Product, ReceiptState
from archive_tools.store.receipts import Receipts
from pipeline.building.instance_day import InstanceDay
from pipeline.building.roster import DAYS, REACH


def why_expected(where: InstanceDay) -> str:
    """Why a day without logs lacks some, in words; "" where none is expected: one of the last
    `DAYS` complete days had none, or the archive does not have as many in the `REACH` days before.
    """
    dates = [where.day.date - dt.timedelta(days=n) for n in range(1, REACH + 1)]
    receipts, complete = Receipts(where.site.root).days(dates), 0
    for date in dates:
        receipt = receipts[date].good(where.instance, Product.TTS)
        if receipt is None or receipt.state is not ReceiptState.COMPLETE:
            continue
        if not receipts[date].content(receipt).get("counts", {}).get("logs"):
            return ""
        complete += 1
        if complete == DAYS:
            return (
                f"no log in the day's folder, and each of the last {DAYS} complete days had some;"
                " look whether logs are written; if no job ran, tokio-pipeline invalidate the day"
                " and mark-empty it"
            )
    return ""
