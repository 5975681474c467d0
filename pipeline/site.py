"""`site.json`: what a site is, where its sources and its archive are.

Read once, checked whole, frozen. What depends on the kinds of sources is checked by
`pipeline.sources`: the keys of a source, by its own options model, which builds on `SourceOptions`,
and which instances watch servers. Secrets are never in the file: a source names the environment
variable or the file that holds one.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import json
import os
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from archive_tools.core.day import Day
from archive_tools.core.errors import ConfigError
from archive_tools.core.site_json import without_comments
from pipeline.model import MOUNT_PATTERN
from pipeline.schemas.alert_rules import AlertRule, check_alerts
from pipeline.schemas.site_types import Expression, Mode, PerCent, Templates, Timestep, Zone

ENVIRONMENT = "TOKIO_SITE"
PASSWORD = re.compile(r"(://)[^\s]*@")
"""Who and what a URL logs in with, up to the last @: a password may hold some itself."""
SCHEMA = "$schema"
"""The key by which editors find the JSON Schema of the file; it means nothing else."""
INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class SourceOptions(BaseModel):
    """Keys that every source has; a kind's module adds its own.

    Attributes
    ----------
    kind : str
        The kind's name; see `pipeline.sources`.
    timestep : int
        Seconds a row; must divide an hour.
    timezone : str
        Zone of the source's time stamps where it keeps local times; "" means the site's.
    retention_days : float
        How long the source keeps what it measured; 0 is for good.
    ask_seconds, fetch_seconds : float
        How long the source may take to say what it has, and to give it.
    complete_percent : float
        A day is complete when every dataset has this share of its expected cells: 99 means 99 %.
    largest : dict of str to float
        Dataset to the largest figure that one component can have, in the dataset's base unit, of
        amounts in a second; a cell above it counts as not measured.
    ORIGIN : frozenset of str
        Keys that say where data come from and what reading may cost, not what is made of them:
        changing one makes no day stale. `LIMITS` are those that every source has.
    """

    ORIGIN: ClassVar[frozenset[str]] = frozenset()
    LIMITS: ClassVar[frozenset[str]] = frozenset(
        {"retention_days", "ask_seconds", "fetch_seconds", "complete_percent"}
    )

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: str
    timestep: Timestep = 5
    timezone: Zone | Literal[""] = ""
    retention_days: float = Field(default=0.0, ge=0)
    ask_seconds: float = Field(default=300.0, gt=0)
    fetch_seconds: float = Field(default=10800.0, gt=0)
    complete_percent: PerCent = 99.0
    largest: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}

    @property
    def needs_process(self) -> bool:
        """Whether the source is queried by processes of their own, for the sake of a library that
        does not bear a fork.
        """
        return False

    @property
    def shared_server(self) -> str:
        """What answers or does not, for all instances that have it in common; "" where that is
        the instance's own.
        """
        return ""

    @property
    def needed_extra(self) -> str:
        """The extra of `setup.cfg` without which the source cannot be read; "" for none."""
        return ""

    @property
    def doubts(self) -> Sequence[str]:
        """Sentences on keys that are allowed and are hardly meant; `check-config` shows them."""
        return ()

    def made_of(self) -> str:
        """The keys that say what is made of the data, as text: the order of patterns counts."""
        unsaid = frozenset() if self.largest else frozenset({"largest"})
        return self.model_dump_json(exclude=set(self.ORIGIN | self.LIMITS | unsaid))


Options = TypeVar("Options", bound=SourceOptions)


class LocalEngine(BaseModel):
    """Darshan logs are read on this machine.

    Attributes
    ----------
    kind : 'local'
        On this machine.
    workers : int
        Readers side by side; 0 is one a core.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["local"] = "local"
    workers: int = Field(default=0, ge=0)


class DaskEngine(BaseModel):
    """Darshan logs are read by the workers of a Dask cluster, which must see the logs under the
    same paths.

    Attributes
    ----------
    kind : 'dask'
        On a Dask cluster.
    scheduler : str
        Address, such as ``tcp://login01:8786``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["dask"]
    scheduler: str


class Servers(BaseModel):
    """The servers behind a file system.

    Attributes
    ----------
    instance : str
        Name in `sources`, of a source that watches servers.
    datatargets, mdtargets, dataservers, mdservers, fullness : str
        Regular expressions of the whole names of its components in each group; default all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    instance: str
    datatargets: Expression = ".*"
    mdtargets: Expression = ".*"
    dataservers: Expression = ".*"
    mdservers: Expression = ".*"
    fullness: Expression = ".*"

    def components(self, group: str) -> re.Pattern[str]:
        """The expression of a group's components."""
        return re.compile(str(getattr(self, group)))


class Site(BaseModel):
    """A site's configuration; `docs/operations.md` explains each key.

    Attributes
    ----------
    site : str
        Name, as it appears in reports.
    timezone : str
        IANA zone whose calendar days the archive has.
    archive : str
        Folder of the archive.
    missing : {'nan', 'negative_zero'}
        How a missing cell is written to disk.
    late_days : int
        Inputs of days not older than this are looked at again.
    raw_days : int
        How long raw data are kept.
    job_pages : int
        How many of a day's largest jobs, and of its slowest, have a page of their own.
    mode : str
        Rights of the archive's files, octal; folders have the matching ones. Logs name users and
        programs: "0640" unless given.
    group : str
        Unix group of a new archive, and by it of all that is made in it; "" leaves it to the
        system.
    mount_to_fsname : dict of str to str
        Regular expression of a mount point to file system name; the first that matches counts, and
        only where the match ends at the end of a path component.
    fsname_to_instance : dict of str to str or Servers
        File system name to the instance, or some of its components, that watch its servers.
    hdf5_files : dict of str to str or list of str
        Instance to strftime templates of files outside of the archive, TTS or H5LMT, that readers
        take for days that the archive does not have; the first that is there.
    schedulers : dict of str to str
        Instance of logs or of job_stats to the instance of the scheduler that ran its jobs; where
        there is one scheduler, it is that one.
    lustre_to_fsname : dict of str to str
        Lustre's name of a file system, as in names of targets, to the one that logs have; the same
        unless it is here.
    alerts : list of AlertRule
        What each nightly run evaluates of its day.
    engine : LocalEngine or DaskEngine
        Where Darshan logs are read.
    sources : dict
        Instance name to the keys of its source.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    site: str
    timezone: Zone = "UTC"
    archive: str
    missing: Literal["nan", "negative_zero"] = "nan"
    late_days: int = Field(default=7, ge=0)
    raw_days: int = Field(default=30, ge=0)
    job_pages: int = Field(default=5, ge=0, le=100)
    mode: Mode = "0640"
    group: str = ""
    mount_to_fsname: dict[str, str] = {}
    fsname_to_instance: dict[str, Servers] = {}
    hdf5_files: dict[str, Templates] = {}
    schedulers: dict[str, str] = {}
    lustre_to_fsname: dict[str, str] = {}
    alerts: list[AlertRule] = []
    engine: LocalEngine | DaskEngine = Field(default=LocalEngine(), discriminator="kind")
    sources: dict[str, dict[str, Any]]
    folder: Path = Field(default=Path(), exclude=True)

    @field_validator("fsname_to_instance", mode="before")
    @classmethod
    def _servers(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {fsname: _one_servers(fsname, found) for fsname, found in value.items()}

    def day(self, date: dt.date) -> Day:
        return Day(date, self.timezone)

    @property
    def root(self) -> Path:
        """The archive's folder, absolute."""
        return self.path(self.archive)

    def older_files(self) -> dict[str, list[str]]:
        """`hdf5_files` with absolute paths."""
        return {
            name: [
                str(self.path(template))
                for template in ([found] if isinstance(found, str) else found)
            ]
            for name, found in self.hdf5_files.items()
        }

    @property
    def file_mode(self) -> int:
        """`mode` as a number."""
        return int(self.mode, 8)

    def path(self, name: str) -> Path:
        """`name` counted from the folder of site.json."""
        return _counted(self.folder, name)

    def yesterday(self, now: dt.datetime | None = None) -> dt.date:
        """The last whole day at the site."""
        zone = zoneinfo.ZoneInfo(self.timezone)
        return (now or dt.datetime.now(zone)).astimezone(zone).date() - dt.timedelta(days=1)


@functools.lru_cache(maxsize=64)
def _counted(folder: Path, name: str) -> Path:
    return (folder / Path(name).expanduser()).absolute()


def _one_servers(fsname: str, value: Any) -> Servers:
    content = {"instance": value} if isinstance(value, str) else value
    if not isinstance(content, dict):
        raise ConfigError(
            f"site.json: fsname_to_instance: {fsname}: a name of an instance, or an object with the"
            " key instance",
            got=repr(value),
        )
    return validated(Servers, content, f"site.json: fsname_to_instance: {fsname}")


def find(given: str = "") -> Path:
    """Where site.json is: `given`, else the environment's TOKIO_SITE, else ./site.json."""
    path = Path(given or os.environ.get(ENVIRONMENT) or "site.json")
    if not path.is_file():
        by = ENVIRONMENT if os.environ.get(ENVIRONMENT) else "the current folder"
        raise ConfigError(
            f"no site file {path} (looked for by {'--site' if given else by})",
            hint=f"give --site FILE, or set {ENVIRONMENT}",
        )
    # by whatever way it is given, the sources are the same, and so are their fingerprints
    return path.parent.resolve() / path.name if ".." in path.parts else path.absolute()


def load(given: str = "") -> Site:
    """Read and check a site file; see `find`.

    Raises
    ------
    ConfigError
        Names every key that is wrong, what was found and what is allowed.
    """
    path = find(given)
    try:
        content = json.loads(path.read_text("utf-8"), object_pairs_hook=_no_twice)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path} is not JSON: {error}", hint="python3 -m json.tool shows the place"
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: a JSON object is expected", got=type(content).__name__)
    if not isinstance(schema := content.pop(SCHEMA, ""), str):
        raise ConfigError(f"{path}: {SCHEMA} is not a text", got=repr(schema))
    if "folder" in content:
        raise ConfigError(f"{path}: key folder is not known")
    site = validated(Site, content, str(path))
    for name in site.sources:
        if not INSTANCE.fullmatch(name):
            raise ConfigError(
                f"{path}: sources: instance name {name!r} cannot be a file name",
                expected="letters, digits, _ and -",
            )
    for pattern in site.mount_to_fsname:
        try:
            re.compile(MOUNT_PATTERN.format(pattern))
        except re.error as error:
            raise ConfigError(
                f"{path}: mount_to_fsname: {pattern!r} is not a regular expression: {error}"
            ) from error
    check_alerts(site.alerts, site.sources, str(path))
    if site.raw_days < site.late_days:
        raise ConfigError(
            f"{path}: raw_days is smaller than late_days",
            expected=f"at least {site.late_days}",
            got=str(site.raw_days),
        )
    return site.model_copy(update={"folder": path.parent})


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without its comments, which may be there several times."""
    pairs = without_comments(pairs)
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"key {twice[0]!r} is there twice in one object")
    return dict(pairs)


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], content: Mapping[str, Any], where: str) -> Model:
    """`content` as `model`; errors name the keys.

    Raises
    ------
    ConfigError
        One line a key: what is wrong, what was found, what is allowed.
    """
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        known = [name for name in model.model_fields if name != "folder"]
        lines = []
        for item in error.errors():
            if isinstance(cause := item.get("ctx", {}).get("error"), ConfigError):
                raise cause from None
            key = ".".join(str(part) for part in item["loc"])
            if item["type"] == "extra_forbidden":
                near = difflib.get_close_matches(key, known, 1)
                lines.append(
                    f"key {key} is not known; allowed: {', '.join(known)}"
                    + (f"; did you mean {near[0]}?" if near else "")
                )
            elif item["type"] == "missing":
                lines.append(f"key {key} is missing")
            else:
                got = PASSWORD.sub(r"\1***@", repr(item["input"]))
                message = item["msg"].removeprefix("Value error, ")
                lines.append(f"key {key}: {message}; got {got}" if key else message)
        raise ConfigError(f"{where}: " + " | ".join(lines)) from None
