"""The first `site.json` of a site: keys to begin with, each with a comment that says what it is."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from pydantic import BaseModel

from archive_tools.core.site_json import COMMENT
from pipeline.cli.site_schema import descriptions
from pipeline.schemas.site_types import PLACEHOLDER
from pipeline.site import SCHEMA, Site
from pipeline.sources import registry as sources
from pipeline.sources.contract import LogSource

SCHEMAS = "pipeline.schemas"
ABOUT = (
    "Keys that begin with // are comments, or keys that are switched off. Replace each"
    f" {PLACEHOLDER}-..., then run: tokio-pipeline check-config, and tokio-pipeline check-config"
    " --ask. docs/operations.md has all keys."
)


def first_site(kinds: Sequence[str]) -> str:
    """The text of a site file with an instance of each kind; a kind may be there several times.

    Raises
    ------
    ConfigError
        A kind is not known.
    """
    found = {kind: sources.find(kind) for kind in kinds}
    start = tomllib.loads((resources.files(SCHEMAS) / "first_site.toml").read_text("utf-8"))
    content: dict[str, Any] = {COMMENT: ABOUT}
    if set(kinds) <= set(sources.own_kinds()):
        content[SCHEMA] = str(resources.files(SCHEMAS) / "site.schema.json")
    content |= _commented(Site, start["site"])
    if any(isinstance(source, LogSource) for source in found.values()):
        content |= _commented(Site, start["mounts"])
    instances: dict[str, Any] = {}
    for kind in kinds:
        first = start["kinds"].get(kind) or _required(kind, found[kind].Options)
        name = _unused(first["instance"], instances)
        instances[name] = {"kind": kind, **_commented(found[kind].Options, first)}
    content["sources"] = instances
    return json.dumps(content, indent=2) + "\n"


def _commented(model: type[BaseModel], start: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of a model, each after its description."""
    texts, found = descriptions(model), {}
    for prefix, keys in (("", start.get("keys", {})), (COMMENT, start.get("off", {}))):
        for key, value in keys.items():
            if key in texts:
                found[f"{COMMENT} {key}"] = texts[key]
            found[f"{prefix}{key}"] = value
    return found


def _required(kind: str, model: type[BaseModel]) -> dict[str, Any]:
    """What another package's kind begins with: its keys that have no default."""
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    keys = {name: f"{PLACEHOLDER}-{name.upper()}" for name in needed if name != "kind"}
    return {"instance": kind, "keys": keys}


def _unused(name: str, taken: Iterable[str]) -> str:
    """`name`, or with the first number that makes it another one."""
    names, number = {*taken}, 2
    if name not in names:
        return name
    while f"{name}-{number}" in names:
        number += 1
    return f"{name}-{number}"
