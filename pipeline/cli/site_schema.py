"""The JSON Schema of `site.json`, for editors: made of the models that check the file, with what
their docstrings say of each key.

It knows keys, types and ranges. Rules between keys, such as that one of `url` and `files` is given,
only `check-config` knows. Our own kinds are in `pipeline/schemas/site.schema.json`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from archive_tools.core.site_json import COMMENT
from pipeline.site import INSTANCE, SCHEMA, Servers, Site
from pipeline.sources import registry as sources

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ATTRIBUTES = re.compile(
    r"^Attributes\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", re.DOTALL | re.MULTILINE
)
_NOISE = ("title", "discriminator", "description")
"""What pydantic says of a model beside its rules: the whole docstring among it."""
Schema = dict[str, Any]
COMMENTS: Schema = {f"^{COMMENT}": {}}


def site_schema(kinds: Iterable[str]) -> Schema:
    """The schema of a site file whose sources are of some kinds."""
    names = sorted(kinds)
    found: Schema = {
        "$schema": DIALECT,
        "title": "site.json of tokio-archive",
        **_model_schema(Site),
    }
    found["properties"][SCHEMA] = {
        "type": "string",
        "description": "Where this schema is, for editors.",
    }
    servers = found["properties"]["fsname_to_instance"]
    servers["additionalProperties"] = {
        "anyOf": [
            {"type": "string", "description": "The instance: all of its components."},
            servers["additionalProperties"],
        ]
    }
    found["properties"]["sources"] = _sources(names, found["properties"]["sources"])
    for name in names:
        definition = _model_schema(sources.find(name).Options)
        found["$defs"] |= definition.pop("$defs", {})
        found["$defs"][f"kind_{name}"] = definition
    return found


def as_text(schema: Schema) -> str:
    """The schema as it is kept in a file."""
    return json.dumps(schema, indent=1) + "\n"


def _sources(kinds: list[str], before: Schema) -> Schema:
    """Instance names to the keys of the kind that each names."""
    return {
        "type": "object",
        "description": before["description"],
        "minProperties": 1,
        "patternProperties": COMMENTS,
        "propertyNames": {"pattern": f"^({COMMENT}.*|{INSTANCE.pattern})$"},
        "additionalProperties": {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"enum": kinds}},
            "allOf": [
                {
                    "if": {"properties": {"kind": {"const": kind}}},
                    "then": {"$ref": f"#/$defs/kind_{kind}"},
                }
                for kind in kinds
            ],
        },
    }


def _model_schema(model: type[BaseModel]) -> Schema:
    """The schema of a model, each key with its description; keys that are not in the file are left
    out.
    """
    schema: Schema = _mapped(
        model.model_json_schema(), lambda found: _with_comments(_without_noise(found))
    )
    for name, field in model.model_fields.items():
        if field.exclude:
            del schema["properties"][name]
    _describe(schema, descriptions(model))
    known: list[type[BaseModel]] = [Servers, *_members(model)]
    models = {one.__name__: one for one in known}
    for name, definition in schema.get("$defs", {}).items():
        _describe(definition, descriptions(models[name]))
    return schema


def _members(model: type[BaseModel]) -> Iterable[type[BaseModel]]:
    """The models that the fields of a model name."""
    for field in model.model_fields.values():
        for one in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if inspect.isclass(one) and issubclass(one, BaseModel):
                yield one


def _describe(schema: Schema, texts: Mapping[str, str]) -> None:
    for name, key in schema["properties"].items():
        if name in texts:
            key["description"] = texts[name]


def _mapped(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """A schema with every schema in it changed, the inner ones first."""
    if isinstance(schema, list):
        return [_mapped(one, change) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found: Schema = {}
    for name, value in schema.items():
        if name in ("properties", "$defs"):  # names are keys there, not words of the schema
            found[name] = {key: _mapped(one, change) for key, one in value.items()}
        else:
            found[name] = value if name == "default" else _mapped(value, change)
    return change(found)


def _without_noise(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name not in _NOISE}


def _with_comments(schema: Schema) -> Schema:
    """An object that may have comments."""
    if schema.get("type") != "object":
        return schema
    return schema | {"patternProperties": schema.get("patternProperties", {}) | COMMENTS}


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """What the docstrings of a model, and of those that it builds on, say of each field."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if issubclass(one, BaseModel) and one.__doc__:
            found |= _attributes(inspect.cleandoc(one.__doc__))
    return {name: text for name, text in found.items() if name in model.model_fields}


def _attributes(docstring: str) -> dict[str, str]:
    """The section Attributes of a docstring in numpydoc style."""
    section = _ATTRIBUTES.search(docstring)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section[1].splitlines() if section else ():
        if line and not line[0].isspace():
            names = [name.strip() for name in line.partition(" : ")[0].split(",")]
        for name in names if line[:1].isspace() else ():
            text = line.strip().replace("``", "`")
            found[name] = f"{found[name]} {text}" if name in found else text
    return found
