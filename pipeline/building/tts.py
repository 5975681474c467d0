"""The TTS file of a day and instance, whatever its source."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archive_tools.core.errors import LessThanArchived, NoData, TokioError
from archive_tools.core.findings import shortened
from archive_tools.core.vocabulary import ReceiptState
from archive_tools.formats.tts_write import TtsWriter
from archive_tools.reading.day_summary import day_summary
from pipeline.building import pieces, provenance
from pipeline.building.instance_day import InstanceDay
from pipeline.building.logs import rejects_of, write_logs
from pipeline.building.made import Made
from pipeline.building.outages import Outage
from pipeline.building.roster import Roster
from pipeline.building.series import write_series
from pipeline.building.so_far import CannotGoOn, Earlier, SoFar
from pipeline.sources.contract import LogSource, SeriesSource

log = logging.getLogger("tokio")
RAW_SO_FAR = "so_far"
"""What the receipt of raw data says of a day that was not over when it was fetched."""


@dataclass(frozen=True)
class TtsRequest:
    """What a TTS file is made from.

    Attributes
    ----------
    where : InstanceDay
    raw : pathlib.Path
        Folder of the raw data; its name ends with the fingerprint of the inputs.
    fetched : mapping
        Content of the receipt of the raw data.
    made_by : mapping
        What makes the file; see `pipeline.building.provenance.made_by`.
    is_archived : bool
        Whether the archive has a file of the day: logs that it rejects are not tried again.
    roster : Roster
        What the instance had on the days before.
    retired : sequence of str
        Names of components and datasets that nobody expects any more.
    outages : sequence of Outage
        Times in which what was not measured is not expected.
    earlier : Earlier, optional
        The file that the archive has of a day that goes on, made in the same way.
    """

    where: InstanceDay
    raw: Path
    fetched: Mapping[str, Any]
    made_by: Mapping[str, Any]
    is_archived: bool
    roster: Roster = field(default_factory=Roster)
    retired: Sequence[str] = ()
    outages: Sequence[Outage] = ()
    earlier: Earlier | None = None


def write_tts(request: TtsRequest, target: Path) -> Made:
    """Write the file.

    Raises
    ------
    NoData
        The raw data are not there, or nothing was measured.
    SourceError
        The raw data cannot be read.
    """
    where, raw = request.where, request.raw
    if not raw.is_dir():
        raise NoData(
            f"raw data of {where.instance} for {where.day} are gone ({raw})",
            hint="tokio-pipeline invalidate the day to fetch it again",
        )
    attributes = {
        "site": where.site.site,
        "instance": where.instance,
        "inputs_fingerprint": raw.name.rpartition(".")[2],
    }
    source, fetched = where.source, request.fetched
    if fetched.get(RAW_SO_FAR) and isinstance(source, SeriesSource):
        held = pieces.held(raw, fetched, "")
        for earlier in [request.earlier, None] if request.earlier else [None]:
            try:
                with SoFar(where, source, held, fetched, earlier) as so_far:
                    return _written(request, target, attributes, so_far)
            except (CannotGoOn, TokioError, KeyError, ValueError) as error:
                log.debug("%s %s: all raw data are read: %s", where.day, where.instance, error)
    return _written(request, target, attributes, None)


def _written(
    request: TtsRequest, target: Path, attributes: Mapping[str, str], so_far: SoFar | None
) -> Made:
    where = request.where
    missing = where.site.missing
    about: dict[str, Any] = {"missing": missing, "attributes": attributes}
    about["summarise"] = None if request.fetched.get(RAW_SO_FAR) else day_summary
    with TtsWriter(target, where.day, **about) as writer:
        made = _so_far(request, _write(request, writer, so_far))
        reported = provenance.of_file(request.made_by, request.fetched, made.findings)
        writer.file.attrs["provenance"] = reported
    return made


def refuse_less(path: Path, now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Refuse a file that has less of what was measured than the archived one.

    Parameters
    ----------
    path : pathlib.Path
        The archived file.
    now, before : mapping
        Contents of receipts: of the new file, and of the archived one.

    Raises
    ------
    LessThanArchived
        Names what would be lost.
    """
    lost = []
    for name, archived in before.get("quality", {}).items():
        cells = now.get("quality", {}).get(name, {}).get("measured", 0)
        if cells < archived["measured"]:
            lost.append(f"{name} ({cells:,} of {archived['measured']:,} measured cells)")
    logs = [int(one.get("counts", {}).get("logs", 0)) for one in (now, before)]
    if logs[0] < logs[1]:
        lost.append(f"logs ({logs[0]:,} of {logs[1]:,})")
    if lost:
        raise LessThanArchived(
            f"{path} is kept: made again from the same inputs it would have less of"
            f" {shortened(lost, 3)}",
            hint="look at the raw data and the account's rights; tokio-pipeline invalidate replaces"
            " the file all the same",
        )


def _so_far(request: TtsRequest, made: Made) -> Made:
    """What was made of a day that was not over when it was fetched: partial, whatever is there."""
    if not request.fetched.get(RAW_SO_FAR):
        return made
    why = "; ".join(filter(None, ["so far, fetched before the day was over", made.more.get("why")]))
    more = {**made.more, "why": why}
    return replace(made, state=ReceiptState.PARTIAL, percent=min(99, made.percent), more=more)


def _write(request: TtsRequest, writer: TtsWriter, so_far: SoFar | None) -> Made:
    where, source = request.where, request.where.source
    if not isinstance(source, LogSource):
        expected = (request.roster, request.retired, request.outages)
        return write_series(where, source, request.raw, writer, *expected, so_far=so_far)
    known = rejects_of(where.tts, source) if request.is_archived else {}
    return write_logs(where, source, request.raw, writer, known)
