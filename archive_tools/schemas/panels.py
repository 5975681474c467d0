"""Which datasets are drawn together: the panels of the day's report and of a job's picture.

`panels.toml` is the table. A row that names what does not exist is refused when it is loaded.
"""

from __future__ import annotations

import difflib
import functools
import string
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from archive_tools import schemas
from archive_tools.core.errors import ConfigError

Origin = Literal["servers", "applications"]
ORIGINS = ("servers", "applications")
FSNAME = "fsname"
"""What a title may name in braces."""


@dataclass(frozen=True)
class Line:
    """A line of a job's panel.

    Attributes
    ----------
    label : str
    dataset : str
        ``group/dataset``.
    of : {'servers', 'applications'}
        Whose series: of the servers behind the file system, or of all logged applications.
    """

    label: str
    dataset: str
    of: Origin

    @property
    def is_rate(self) -> bool:
        """Whether amounts are drawn, as amounts a second."""
        return schemas.catalogue()[self.dataset].kind == "delta"

    @property
    def unit(self) -> str:
        """As it is drawn."""
        return schemas.catalogue()[self.dataset].unit + ("/s" if self.is_rate else "")


@dataclass(frozen=True)
class JobPanel:
    """A panel of a job's picture; its lines have one unit.

    Attributes
    ----------
    title : str
        ``{fsname}`` stands for the file system.
    lines : tuple of Line
    """

    title: str
    lines: tuple[Line, ...]

    @property
    def unit(self) -> str:
        return self.lines[0].unit

    def titled(self, fsname: str) -> str:
        """The title for a file system."""
        return self.title.format(fsname=fsname)


@dataclass(frozen=True)
class ReportPanel:
    """A picture of the day's page; its datasets have one unit.

    Attributes
    ----------
    title : str
    datasets : tuple of str
    share_of : str or None
        The dataset is drawn as per cent of this one.
    by_component : bool
        Also as a map of components and time.
    """

    title: str
    datasets: tuple[str, ...]
    share_of: str | None = None
    by_component: bool = False

    @property
    def all_datasets(self) -> tuple[str, ...]:
        """Those that are needed to draw it."""
        return (*self.datasets, *([self.share_of] if self.share_of else []))


@dataclass(frozen=True)
class Panels:
    """The whole table.

    Attributes
    ----------
    report : tuple of ReportPanel
    job : tuple of JobPanel
    """

    report: tuple[ReportPanel, ...]
    job: tuple[JobPanel, ...]


@functools.cache
def panels() -> Panels:
    """The panels, as the package has them."""
    return parse_panels((Path(__file__).parent / "panels.toml").read_text("utf-8"))


def parse_panels(text: str, where: str = "panels.toml") -> Panels:
    """Panels of a TOML text.

    Raises
    ------
    ConfigError
        A key or dataset that is not known, a key that is missing, a panel without lines or of two
        units, two lines of one label, a title with braces of something else. Near names are given.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: {error}") from error
    _check_keys(where, table, {"report", "job"})
    return Panels(
        report=tuple(
            _report_panel(f"{where}: report {number}", row)
            for number, row in enumerate(table["report"], 1)
        ),
        job=tuple(
            _job_panel(f"{where}: job {number}", row) for number, row in enumerate(table["job"], 1)
        ),
    )


def _report_panel(where: str, row: Mapping[str, Any]) -> ReportPanel:
    _check_keys(where, row, {"title", "datasets"}, optional={"share_of", "by_component"})
    share_of = row.get("share_of")
    panel = ReportPanel(
        title=_text(where, "title", row["title"]),
        datasets=tuple(_dataset(where, name) for name in _some(where, "datasets", row["datasets"])),
        share_of=None if share_of is None else _dataset(where, share_of),
        by_component=bool(row.get("by_component", False)),
    )
    units = {schemas.catalogue()[name].unit for name in panel.all_datasets}
    if len(units) > 1:
        raise ConfigError(f"{where}: a panel has one unit", got=", ".join(sorted(units)))
    return panel


def _job_panel(where: str, row: Mapping[str, Any]) -> JobPanel:
    _check_keys(where, row, {"title", "lines"})
    panel = JobPanel(
        title=_title(where, _text(where, "title", row["title"])),
        lines=tuple(_line(where, line) for line in _some(where, "lines", row["lines"])),
    )
    units = dict.fromkeys(line.unit for line in panel.lines)
    if len(units) > 1:
        raise ConfigError(
            f"{where}: a panel has one unit", expected=panel.unit, got=", ".join(units)
        )
    labels = [line.label for line in panel.lines]
    if twice := [label for label in dict.fromkeys(labels) if labels.count(label) > 1]:
        raise ConfigError(f"{where}: labels are there twice: {', '.join(twice)}")
    return panel


def _line(where: str, row: Mapping[str, Any]) -> Line:
    _check_keys(where, row, {"label", "dataset"}, optional={"of"})
    return Line(
        label=_text(where, "label", row["label"]),
        dataset=_dataset(where, row["dataset"]),
        of=cast(Origin, schemas.choice(where, "of", row.get("of", "servers"), ORIGINS)),
    )


def _text(where: str, key: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {key} is not a text", got=repr(value))
    return value


def _title(where: str, title: str) -> str:
    try:
        names = {name for _, name, *_ in string.Formatter().parse(title) if name is not None}
    except ValueError as error:
        raise ConfigError(f"{where}: title: {error}", got=repr(title)) from error
    if names - {FSNAME}:
        raise ConfigError(
            f"{where}: title names what is not known", expected=f"{{{FSNAME}}}", got=repr(title)
        )
    return title


def _some(where: str, key: str, value: object) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where}: {key} is empty", expected="a list", got=repr(value))
    return value


def _dataset(where: str, name: Any) -> str:
    known = schemas.catalogue()
    if _text(where, "dataset", name) not in known:
        raise ConfigError(f"{where}: unknown dataset {name}", hint=_near(name, known.keys()))
    return str(name)


def _check_keys(
    where: str, row: Mapping[str, Any], needed: set[str], *, optional: Collection[str] = ()
) -> None:
    allowed = [*sorted(needed), *optional]
    for key in row:
        if key not in allowed:
            raise ConfigError(
                f"{where}: unknown key {key}",
                expected=", ".join(allowed),
                hint=_near(key, allowed),
            )
    if lacking := sorted(needed - set(row)):
        raise ConfigError(f"{where}: missing key {', '.join(lacking)}", got=", ".join(row))


def _near(name: str, known: Collection[str]) -> str:
    found = difflib.get_close_matches(name, known, 3)
    return f"near names: {', '.join(found)}" if found else ""
