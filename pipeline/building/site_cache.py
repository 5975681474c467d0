"""The site file and the keys of its instances, read again only when the file changes: they are
needed many times a task.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
from collections.abc import Iterator
from typing import Any

from archive_tools.store import layout
from pipeline import site as sites
from pipeline.processes import own_environment
from pipeline.sources import registry as sources

SECRET_VARIABLE = "_env"
"""How keys of sources end that name a variable with a secret."""


def load_site(given: str) -> sites.Site:
    """The site of a site file.

    Raises
    ------
    ConfigError
        The file cannot be used.
    """
    return _site(*_file(given))


def load_options(given: str, instance: str) -> Any:
    """The checked keys of an instance: an object of its source's own `Options`.

    Raises
    ------
    ConfigError
        The instance is not in the file, or its keys are wrong.
    """
    return _options(*_file(given), instance)


def load_checked(given: str, *, strict: bool = False) -> sites.Site:
    """The site, with every source's keys checked; tasks that were made before are forgotten, for
    they may be of other keys.

    Raises
    ------
    ConfigError
        Names every key that is wrong; with `strict` also kinds that cannot be used, which
        otherwise fail their own instances alone.
    """
    if luigi := sys.modules.get("luigi"):  # without it there are no tasks
        luigi.task_register.Register.clear_instance_cache()
    site = load_site(given)
    sources.check(site, strict=strict)
    for template in itertools.chain.from_iterable(site.older_files().values()):
        layout.template_patterns(template)
    return site


@functools.lru_cache(maxsize=8)
def _site(path: str, mtime_ns: int) -> sites.Site:
    site = sites.load(path)
    own_environment.take(_secret_variables(site))
    sources.check_servers(site, path)
    sources.check_schedulers(site, path)
    return site


def _secret_variables(site: sites.Site) -> Iterator[str]:
    """The variables in which sources have their secrets, by the names of the keys alone: also of
    sources that cannot be used.
    """
    for keys in site.sources.values():
        for key, name in keys.items():
            if key.endswith(SECRET_VARIABLE) and isinstance(name, str):
                yield name


@functools.lru_cache(maxsize=64)
def _options(path: str, mtime_ns: int, instance: str) -> sites.SourceOptions:
    return sources.options(_site(path, mtime_ns), instance)


@functools.lru_cache(maxsize=8)
def _found(given: str, named: str, folder: str) -> str:
    return str(sites.find(given))


def _file(given: str) -> tuple[str, int]:
    """The site file, and when it changed last."""
    path = _found(given, os.environ.get(sites.ENVIRONMENT, ""), os.getcwd())  # noqa: PTH109 (Path.cwd is slow)
    try:
        return path, os.stat(path).st_mtime_ns
    except OSError:
        return str(sites.find(given)), 0  # says what is wrong
