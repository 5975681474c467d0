"""Records of Lustre files as the log has them, by rank, in every version of the module."""

from __future__ import annotations

import importlib.util
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive_tools.core.errors import SourceError
from pipeline.cli.darshan_logs import cache
from pipeline.sources.darshan import log_header, lustre
from tests.support import paths
from tests.support.darshan_bytes import PLAIN, LogBytes, opened

FILE = 12538725698528301419
PACKAGE = Path(importlib.util.find_spec("darshan").origin).parent  # type: ignore[union-attr,arg-type]


def words(*numbers: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}Q{len(numbers) - 1}q", *numbers)


def component(size: int, count: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}7q16s", size, count, 0, 16, 0, -1, 0, b"pool")


VERSION_1 = (
    words(FILE, 3, 248, 5, 7, 1048576, 2, 97, 4)
    + words(FILE, 4, 248, 5, 0, 1048576, 0)
    + words(FILE, -1, 248, 5, -1, 65536, 1, 0)
)
TWO_COMPONENTS = (
    words(FILE, 0, 3, 5)
    + component(1048576, 1)
    + component(4194304, 2)
    + component(-1, 0)
    + struct.pack("<5q", 5, -1, 9, 0, 0)
)


def crafted(tmp_path: Path, content: bytes, version: int) -> Path:
    """A log with these Lustre records."""
    log = LogBytes.of(paths.cases("darshan") / "lustre_record_by_rank.darshan")
    path = tmp_path / "crafted.darshan"
    path.write_bytes(
        replace(
            log,
            modules={**log.modules, "LUSTRE": content},
            versions={**log.versions, "LUSTRE": version},
        ).content()
    )
    return path


def records(path: Path) -> list[lustre.LustreRecord]:
    header = log_header.header_of(path)
    assert header
    return lustre.lustre_records(opened(path), header)


def test_version_1_has_what_the_file_system_has(tmp_path: Path) -> None:
    """Also of a file without stripes, whose record has no OST at all."""
    assert records(crafted(tmp_path, VERSION_1, 1)) == [
        lustre.LustreRecord(FILE, 3, 1048576, (97, 4), (248, 5, 7)),
        lustre.LustreRecord(FILE, 4, 1048576, (), (248, 5, 0)),
        lustre.LustreRecord(FILE, -1, 65536, (0,), (248, 5, -1)),
    ]


def test_version_2_has_components(tmp_path: Path) -> None:
    """What is not in use, and OSTs that are not assigned, do not count; nor a file without any."""
    content = TWO_COMPONENTS + words(FILE, 1, 0, 4) + words(FILE, 2, 1, 1) + component(512, 1)
    assert records(crafted(tmp_path, content + struct.pack("<q", 8), 2)) == [
        lustre.LustreRecord(FILE, 0, 4194304, (5, 9)),
        lustre.LustreRecord(FILE, 2, 512, (8,)),
    ]


def test_a_log_of_the_other_byte_order(tmp_path: Path) -> None:
    """Of the module alone: none of the logs that are there has it and this order."""
    content = words(FILE, 3, 248, 5, 7, 1048576, 1, 97, order=">")
    path = tmp_path / "log"
    path.write_bytes(content)
    header = log_header.LogHeader("3.21", ">", PLAIN, {8: (0, len(content))}, {8: 1}, len(content))
    assert lustre.lustre_records(opened(path), header) == [
        lustre.LustreRecord(FILE, 3, 1048576, (97,), (248, 5, 7))
    ]


REFUSED = [
    pytest.param(VERSION_1, 3, "newer than", id="a newer version"),
    pytest.param(VERSION_1, 0, "newer than", id="no version"),
    pytest.param(VERSION_1[:-8], 1, "damaged", id="an OST less than the record says"),
    pytest.param(VERSION_1[:-4], 1, "damaged", id="half a number"),
    pytest.param(words(FILE, 0, 1, 1, 0, 1, -1, 9), 1, "damaged", id="fewer than no OST"),
    pytest.param(words(FILE, 0, 1, 1, 0, 1, 2**62), 1, "damaged", id="more OSTs than any memory"),
    pytest.param(words(FILE, 0, 2**61, 1), 2, "damaged", id="more components than any memory"),
    pytest.param(words(FILE, 0, 1, -1) + component(1, 0), 2, "damaged", id="fewer than no stripe"),
    pytest.param(
        words(FILE, 0, 1, 1) + component(1, 2) + struct.pack("<q", 8),
        2,
        "damaged",
        id="a component with more stripes than the record",
    ),
]


@pytest.mark.parametrize(("content", "version", "reason"), REFUSED)
def test_what_is_not_understood_is_refused(
    tmp_path: Path, content: bytes, version: int, reason: str
) -> None:
    with pytest.raises(SourceError, match=f"^{reason}"):
        records(crafted(tmp_path, content, version))


def lustre_of(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Counters by file and rank that `cache_darshanlogs.py` prints."""
    capsys.readouterr()
    assert cache([str(path), "--modules", "lustre"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)["counters"]["lustre"]
    return found


@pytest.mark.system
def test_the_old_tools_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ranks,) = lustre_of(crafted(tmp_path, VERSION_1, 1), capsys).values()
    assert ranks["3"] == {
        "OSTS": 248, "MDTS": 5, "STRIPE_OFFSET": 7, "STRIPE_SIZE": 1048576, "STRIPE_WIDTH": 2,
        "OST_ID_0": 97, "OST_ID_1": 4,
    }  # fmt: skip
    assert ranks["4"]["STRIPE_WIDTH"] == 0
    assert ranks["-1"]["STRIPE_OFFSET"] == -1
    (ranks,) = lustre_of(crafted(tmp_path, TWO_COMPONENTS, 2), capsys).values()
    assert ranks["0"] == {
        "STRIPE_OFFSET": 5, "STRIPE_SIZE": 4194304, "STRIPE_WIDTH": 2, "OST_ID_0": 5, "OST_ID_1": 9,
    }  # fmt: skip


@pytest.mark.system
def test_a_module_that_is_left_out_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest of the log is printed, and the exit code is not that of a whole one."""
    path = crafted(tmp_path, VERSION_1, 7)
    assert cache([str(path)]) == 1
    shown = capsys.readouterr()
    assert "lustre" not in json.loads(shown.out)["counters"]
    assert json.loads(shown.out)["counters"]["posix"]
    assert "module LUSTRE version 7" in shown.err
    assert cache([str(path), "--modules", "posix"]) == 0, "it is not wanted"


KNOWN = {
    "shared/skew_io/skew-app.darshan": (56, 4, 0),
    "wheel/examples/example_logs/example.darshan": (24, 1, 0),
    "wheel/examples/example_logs/ior_hdf5_example.darshan": (248, 5, 0),
    "wheel/tests/input/noposix.darshan": (248, 5, 0),
    "wheel/tests/input/sample-badost.darshan": (24, 1, 0),
}
"""OSTs, MDTs and offset, out of the unpacked regions with `od`; 24 and 248 are the OSTs of a file
system of Edison, and of Cori.
"""


@pytest.mark.parametrize("name", KNOWN)
def test_real_logs_of_version_1(real: Path, name: str) -> None:
    place, _, rest = name.partition("/")
    found = records((PACKAGE if place == "wheel" else real / "darshan") / rest)
    assert {record.of_file_system for record in found} == {KNOWN[name]}


def test_every_record_as_the_wheels_own_reader_has_it(real: Path) -> None:
    """File, rank, size and OSTs of each record of both versions."""
    from darshan.report import DarshanReport

    logs = [*(real / "darshan").rglob("*.darshan"), *PACKAGE.rglob("*.darshan")]
    logs += [paths.cases("darshan") / f"{name}.darshan" for name in ("lustre_record_by_rank",)]
    versions = set()
    for path in logs:
        header = log_header.header_of(path)
        if header is None or lustre.NUMBER not in header.regions:
            continue
        versions.add(header.versions[lustre.NUMBER])
        report = DarshanReport(str(path), read_all=False)
        report.mod_read_all_lustre_records(dtype="dict")
        theirs = [
            (
                one["id"],
                one["rank"],
                max(c["counters"]["LUSTRE_COMP_STRIPE_SIZE"] for c in one["components"]),
                tuple(int(ost) for c in one["components"] for ost in c["ost_ids"] if ost >= 0),
            )
            for one in report.records["LUSTRE"]
        ]
        ours = [(one.file, one.rank, one.stripe_size, one.osts) for one in records(path)]
        assert ours == theirs, path.name
    assert versions == {1, 2}
