"""Sources: one module a kind, found by its name.

A source module has

- `Options`: its keys in site.json, a `pipeline.site.SourceOptions`,
- `located(options, site)`: the same options with paths counted from site.json and the site's
  defaults,
- `inputs(options, day)`: what the source has for the day, small and quick to ask for: its
  fingerprint tells whether anything changed,
- `fetch(options, day, folder)`: all network and database I/O; writes what the source says,
  unchanged, into `folder` and returns how many rows of what it wrote,
- `about(options, day)`, if it likes: what the source says of itself, such as the server's version
  and time zone,
- `gone(before, now, old, new, rejected)`: what was fetched before and is no longer there, in words,
  from the two row counts and folders: the archived day is then kept,
- `parse(options, day, folder, findings)`: no I/O but reading `folder` (and the logs that a manifest
  in it names); the same files give the same result,
- `GIVES`: what comes out: `Samples` (counters, gauges) or `LogBatch` (Darshan logs). A source of
  logs has `jobs(options, day, folder, reduce, known)` and `run(job)` in place of `parse`: pieces of
  work for an executor.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from typing import Any

from archive_tools.core.errors import ConfigError
from pipeline.site import Site, SourceOptions, validated


@functools.cache
def kinds() -> list[str]:
    """The kinds that there are: the public modules of this package."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def find(kind: str) -> Any:
    """The module of a kind.

    Raises
    ------
    ConfigError
        There is none of that name.
    """
    if kind not in kinds():
        near = difflib.get_close_matches(kind, kinds(), 1)
        raise ConfigError(
            f"source kind {kind!r} is not known",
            expected=", ".join(kinds()),
            hint=f"did you mean {near[0]}?" if near else "",
        )
    return importlib.import_module(f"{__name__}.{kind}")


def options(site: Site, instance: str) -> SourceOptions:
    """The checked keys of an instance; paths are absolute.

    Raises
    ------
    ConfigError
        The instance, its kind or one of its keys is not known, or a value is wrong.
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
    module = find(content["kind"])
    found: SourceOptions = validated(module.Options, content, where)
    return module.located(found, site)  # type: ignore[no-any-return]


def check(site: Site) -> dict[str, SourceOptions]:
    """The checked keys of all instances, all errors of all sources at once.

    Raises
    ------
    ConfigError
        Names every wrong key of every source.
    """
    good, wrong = {}, []
    for instance in site.sources:
        try:
            good[instance] = options(site, instance)
        except ConfigError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigError("\n".join(wrong))
    return good
