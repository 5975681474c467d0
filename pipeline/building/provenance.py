"""Where a product comes from: software, versions, configuration, inputs."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import platform
import traceback
from collections.abc import Mapping
from typing import Any

from archive_tools.core.accounts import account
from archive_tools.core.errors import TokioError
from archive_tools.core.findings import Findings
from archive_tools.core.software import DISTRIBUTION, version
from archive_tools.schemas import SCHEMA_VERSION
from pipeline.building import outages, roster
from pipeline.building.instance_day import InstanceDay
from pipeline.site import Site
from pipeline.sources import registry as sources
from pipeline.sources._shared import secrets

LONGEST_INPUTS, MOST_FINDINGS, LONGEST_FINDINGS = 16_384, 50, 24_576
"""Characters of inputs, and findings and their bytes, that a file has itself: an attribute has at
most 64 KiB.
"""


def software() -> str:
    """Name and version of this software."""
    return f"{DISTRIBUTION} {version()}"


def now() -> str:
    """This second in UTC, for receipts."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def made_by(site: Site, product_version: int, where: InstanceDay | None) -> dict[str, Any]:
    """What makes products: the software, the version of the format, and the keys that matter. The
    same whenever and wherever it runs.

    Parameters
    ----------
    site : Site
    product_version : int
    where : InstanceDay, optional
        None for what belongs to the day as a whole.
    """
    configuration = {"timezone": site.timezone, "missing": site.missing}
    if where is not None:
        configuration |= json.loads(where.options.made_of())
    return {
        "software": software(),
        "schema": SCHEMA_VERSION,
        "version": product_version,
        "configuration": configuration,
    }


def made_of(where: InstanceDay) -> list[Any]:
    """All that says what is made of raw data, as it goes into fingerprints."""
    meaning = sources.meaning(where.source)
    return [
        where.options.made_of(),
        where.site.timezone,
        where.site.missing,
        SCHEMA_VERSION,
        *([meaning] if meaning else []),
        *roster.retired_on(where.site.root, where.day.date, where.instance),
        *outages.made_of(where.site.root, where.day, where.instance),
    ]


def circumstances(seconds: float) -> dict[str, Any]:
    """When, where and how long a product was made."""
    return {"seconds": round(seconds, 3), "written": now(), "host": platform.node()}


def of_file(made: Mapping[str, Any], fetched: Mapping[str, Any], findings: Findings) -> str:
    """Where a file comes from, as JSON: what does not depend on when and where it was made. The
    receipts have all of it.

    Parameters
    ----------
    made : mapping
        From `made_by`.
    fetched : mapping
        Content of the receipt of the raw data.
    findings : Findings
        Of the stage that made the file.
    """
    inputs = json.dumps(fetched.get("inputs", {}), sort_keys=True)
    if len(inputs) > LONGEST_INPUTS:
        digest = hashlib.sha256(inputs.encode()).hexdigest()
        inputs = json.dumps({"sha256": digest, "listed in": "the receipt of the raw data"})
    whole = {
        **made,
        "inputs": json.loads(inputs),
        "source": fetched.get("source", {}),
        "findings": _first_findings(secrets.struck_in(findings.sentences())),
    }
    return json.dumps(whole, sort_keys=True)


def _said(exception: BaseException) -> str:
    """The text of an error; of a missing right also whose it is."""
    lacks_right = isinstance(exception, PermissionError)
    return f"{exception} (account {account()})" if lacks_right else str(exception)


def _first_findings(sentences: list[str]) -> list[str]:
    """As many sentences as a file has room for."""
    lengths = itertools.accumulate(len(json.dumps(one)) for one in sentences[:MOST_FINDINGS])
    return sentences[: sum(length <= LONGEST_FINDINGS for length in lengths)]


def failure(exception: BaseException) -> dict[str, Any]:
    """What the receipt of a failure says: the error, and its traceback where it is not one that is
    raised on purpose.
    """
    on_purpose = isinstance(exception, TokioError)
    kind = type(exception).__name__
    content = {
        "error": secrets.struck(_said(exception) if on_purpose else f"{kind}: {_said(exception)}"),
        "kind": kind,
        "written": now(),
        "host": platform.node(),
    }
    if not on_purpose:
        content["traceback"] = secrets.struck("".join(traceback.format_exception(exception)))
    return content
