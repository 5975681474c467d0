"""The kinds of sources, found by their names.

Ours are the modules and folders of `pipeline.sources`, each with an object ``SOURCE`` (see
`contract`). Another package gives a kind through the entry-point group ``tokio.sources``: the name
is the kind's, the value is ``module:OBJECT``. `docs/add_a_source.md` adds one in both ways.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Mapping
from typing import Any

from archive_tools.core.errors import ConfigError
from archive_tools.core.vocabulary import Product
from pipeline import sources as package
from pipeline.schemas import source_maps
from pipeline.schemas.site_types import unfilled
from pipeline.schemas.source_maps import Selector, SourceMetric
from pipeline.site import Servers, Site, SourceOptions, validated
from pipeline.sources._shared.unavailable import UnavailableSource
from pipeline.sources.contract import AnySource, LogSource, SeriesSource, missing_members

GROUP = "tokio.sources"
"""The group of entry points through which other packages give kinds."""
NOT_A_KIND = ("contract", "registry")


@functools.cache
def own_kinds() -> tuple[str, ...]:
    """The kinds of this package."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(name for name in names if not name.startswith("_") and name not in NOT_A_KIND)


def kinds() -> list[str]:
    """All kinds: ours, and those of other packages that are installed."""
    return sorted({*own_kinds(), *importlib.metadata.entry_points(group=GROUP).names})


def usable(kind: str) -> AnySource:
    """The source of a kind; one that says why at every try where there is none, so that the other
    instances go on.
    """
    try:
        return find(kind)
    except ConfigError as error:
        return UnavailableSource(kind, str(error))


def why_unusable(kind: str) -> str:
    """Why a kind cannot be used; "" if it can."""
    source = usable(kind)
    return source.reason if isinstance(source, UnavailableSource) else ""


def find(kind: str) -> AnySource:
    """The source of a kind. Other packages are looked through only for a kind that is not ours.

    Raises
    ------
    ConfigError
        There is none of that name, or the package that gives it is wrong.
    """
    return _own(kind) if kind in own_kinds() else _installed(kind)


@functools.cache
def _own(kind: str) -> AnySource:
    module = importlib.import_module(f"{package.__name__}.{kind}")
    return _checked(getattr(module, "SOURCE", None), kind, f"{module.__name__}.SOURCE")


@functools.cache
def _installed(kind: str) -> AnySource:
    """The source of another package."""
    entries = importlib.metadata.entry_points(group=GROUP, name=kind)
    found = {_giver(entry): entry for entry in entries}
    if not found:
        known = kinds()
        near = difflib.get_close_matches(kind, known, 1)
        raise ConfigError(
            f"source kind {kind!r} is not known",
            expected=", ".join(known),
            hint=f"did you mean {near[0]}?"
            if near
            else f"is the package that gives it (entry points {GROUP}) installed?",
        )
    if len(found) > 1:
        raise ConfigError(
            f"source kind {kind!r} is given by several packages",
            got=", ".join(sorted(found)),
            hint="uninstall all but one of them",
        )
    ((giver, entry),) = found.items()
    where = f"{entry.value} of package {giver}"
    try:
        source = entry.load()
    except (Exception, SystemExit) as error:  # whatever another package's code raises
        raise ConfigError(
            f"source kind {kind!r}: {where} cannot be loaded: {type(error).__name__}: {error}",
            hint="look at that package, or uninstall it",
        ) from error
    return _checked(source, kind, where)


def _giver(entry: importlib.metadata.EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "(unknown)"


def _checked(source: object, kind: str, where: str) -> AnySource:
    """`source`, which must be a source of that kind."""
    if isinstance(source, type):
        raise ConfigError(
            f"source kind {kind!r}: {where} is a class",
            expected="an object of it",
            hint=f"SOURCE = {source.__name__}()",
        )
    lacking = missing_members(source)
    if lacking or not isinstance(source, SeriesSource | LogSource):
        raise ConfigError(
            f"source kind {kind!r}: {where} is not a source: {type(source).__name__} lacks"
            f" {', '.join(lacking)}",
            hint="see SeriesSource and LogSource in pipeline.sources.contract",
        )
    if not issubclass(source.Options, SourceOptions) or type(source.version) is not int:
        raise ConfigError(
            f"source kind {kind!r}: {where} has wrong members",
            expected="Options: a subclass of SourceOptions; version: an int",
            got=f"{source.Options!r}, {source.version!r}",
        )
    if source.kind != kind:
        raise ConfigError(f"source kind {kind!r}: {where} is of kind {source.kind!r}")
    return source


def options(site: Site, instance: str, *, strict: bool = False) -> SourceOptions:
    """The checked keys of an instance; paths are absolute.

    Parameters
    ----------
    site : Site
    instance : str
    strict : bool
        Whether a kind that cannot be used is an error here; else it is one when the source is used.

    Raises
    ------
    ConfigError
        The instance or one of its keys is not known, or a value is wrong.
    """
    if instance not in site.sources:
        raise ConfigError(
            f"instance {instance!r} is not in site.json",
            expected=", ".join(site.sources) or "sources is empty",
        )
    content = dict(site.sources[instance])
    where = f"site.json: sources: {instance}"
    if not isinstance(content.get("kind"), str):
        raise ConfigError(f"{where}: key kind is missing", expected=", ".join(kinds()))
    source = _found_for(where, content["kind"]) if strict else usable(content["kind"])
    checked = validated(source.Options, content, where)
    check_filled_in(content, where)
    found: object = source.with_absolute_paths(checked, site)
    if not isinstance(found, SourceOptions):
        raise ConfigError(f"{where}: with_absolute_paths of {source.kind} gives {found!r}")
    return found


def _found_for(where: str, kind: str) -> AnySource:
    try:
        return find(kind)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def products(site: Site, instance: str) -> tuple[Product, ...]:
    """What an instance has besides the raw data, in the order in which it is made."""
    return usable(options(site, instance).kind).products


def check(site: Site, *, strict: bool = True) -> dict[str, SourceOptions]:
    """The checked keys of all instances, all errors of all sources and their tables at once.

    Parameters
    ----------
    site : Site
    strict : bool
        Whether kinds that cannot be used are errors.

    Raises
    ------
    ConfigError
        Names every wrong key of every source, and of every kind's table.
    """
    if not site.sources:
        raise ConfigError("site.json: sources names no source", expected="at least one")
    check_servers(site)
    check_schedulers(site)
    good, wrong = {}, []
    try:
        check_filled_in(site.model_dump(exclude={"sources"}), "site.json")
    except ConfigError as error:
        wrong.append(str(error))
    for instance in site.sources:
        try:
            good[instance] = options(site, instance, strict=strict)
            _check_table(usable(good[instance].kind))
            _check_largest(f"site.json: sources: {instance}", good[instance])
        except ConfigError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigError("\n".join(dict.fromkeys(wrong)))
    return good


def check_filled_in(content: Mapping[str, Any], where: str) -> None:
    """Refuse keys in which a placeholder of `tokio-pipeline init` is left.

    Raises
    ------
    ConfigError
        A line for each.
    """
    lines = [f"{where}: {key} is to be filled in; got: {text}" for key, text in unfilled(content)]
    if lines:
        raise ConfigError("\n".join(lines))


def _check_table(source: AnySource) -> None:
    try:
        rows = source.metrics()
    except ConfigError:
        raise
    except Exception as error:  # of another package
        raise ConfigError(
            f"source kind {source.kind!r}: metrics() fails: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(rows, tuple):
        raise ConfigError(f"source kind {source.kind!r}: metrics() gives {rows!r}, not a tuple")


def _check_largest(where: str, found: SourceOptions) -> None:
    """Refuse limits of datasets that the kind does not have, or of which it has no cells."""
    source = usable(found.kind)
    known = [one.dataset.name for one in source.metrics()]
    known = known if isinstance(source, SeriesSource) else []
    for name in found.largest:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise ConfigError(
                f"{where}: largest: {name} is not a dataset with limits of kind {found.kind}",
                expected=", ".join(known) or "nothing: what applications did has no limits",
                hint=f"did you mean {near[0]}?" if near else "",
            )


def watches_servers(site: Site, instance: str) -> bool:
    """Whether an instance has the figures of servers, not of applications: one of `sources` whose
    kind makes no index, or one that only `hdf5_files` has.
    """
    if instance not in site.sources:
        return instance in site.hdf5_files
    try:
        return Product.JOBS not in find(str(site.sources[instance].get("kind"))).products
    except ConfigError:  # `options` says what is wrong with the kind
        return True


def servers_of(site: Site, fsname: str) -> Servers | None:
    """The servers behind a file system: those that site.json names, else the instance of its name,
    if one watches servers.
    """
    if fsname in site.fsname_to_instance:
        return site.fsname_to_instance[fsname]
    return Servers(instance=fsname) if watches_servers(site, fsname) else None


def check_servers(site: Site, where: str = "site.json") -> None:
    """Refuse servers of an instance that there is not, or that knows only applications.

    Raises
    ------
    ConfigError
        Names the file system and the instances that could be meant.
    """
    for fsname, servers in site.fsname_to_instance.items():
        if not watches_servers(site, servers.instance):
            names = dict.fromkeys([*site.sources, *site.hdf5_files])
            could = [name for name in names if watches_servers(site, name)]
            raise ConfigError(
                f"{where}: fsname_to_instance: {fsname}: {servers.instance!r} is not an instance"
                " that watches servers",
                expected=", ".join(could) or "such an instance in sources",
            )


def check_schedulers(site: Site, where: str = "site.json") -> None:
    """Refuse a scheduler of an instance that there is not, or that is none.

    Raises
    ------
    ConfigError
        Names the key and the instances that could be meant.
    """
    kinds = {name: str(keys.get("kind")) for name, keys in site.sources.items()}
    able = [name for name, kind in kinds.items() if kind == "slurm"]
    for instance, scheduler in site.schedulers.items():
        if instance not in kinds:
            raise ConfigError(
                f"{where}: schedulers: {instance!r} is not an instance",
                expected=", ".join(name for name in kinds if name not in able),
            )
        if scheduler not in able:
            raise ConfigError(
                f"{where}: schedulers: {instance}: {scheduler!r} is not an instance of a scheduler",
                expected=", ".join(able) or "an instance of kind slurm in sources",
            )


_digests: dict[str, tuple[tuple[SourceMetric[Selector], ...], str]] = {}


def meaning(source: AnySource) -> str:
    """What the figures of a source mean, for the fingerprint of what is made of them; "" while it
    is what `source_maps.FIRST_MEANINGS` says.
    """
    metrics = source.metrics()
    rows, digest = _digests.get(source.kind, ((), ""))
    if rows is not metrics:  # it is requested of every product when ten years are looked at
        digest = source_maps.digest(metrics)
        _digests[source.kind] = metrics, digest
    if source_maps.FIRST_MEANINGS.get(source.kind) == (source.version, digest):
        return ""
    return f"{source.kind}: parser {source.version}, figures {digest}"
