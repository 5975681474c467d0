"""The OpenAPI document of the operations, made from their rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archive_tools.core import software
from archive_tools.serving import encoding
from archive_tools.serving.answers import JSON, PROBLEM
from archive_tools.serving.operations import OPERATIONS, PREFIX, Operation

PATH = f"{PREFIX}/openapi.json"
PROBLEMS = {
    "400": "a parameter is wrong; the answer says what was expected",
    "401": "the token is missing or wrong",
    "404": "the archive does not have it",
    "409": "a file of the archive is damaged; the answer names it",
    "413": "more than one request may have; the answer says the limit, and what was requested",
    "421": "the server is not called by a name of its own",
    "503": "too busy, or it took too long; try again",
}


def document() -> dict[str, Any]:
    """The document, as OpenAPI 3.1 has it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tokio-archive",
            "description": "Read-only: what an HPC site's applications and file systems did.",
            "version": software.version(),
        },
        "paths": {PREFIX + one.path: {"get": _described(one)} for one in OPERATIONS},
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{}, {"bearer": []}, {"basic": []}],
    }


_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        **{name: {"type": "string"} for name in ("detail", "expected", "got", "to_do", "limit")},
    },
    "required": ["title", "status", "detail"],
}


def _described(operation: Operation) -> dict[str, Any]:
    refused = {"schema": {"$ref": "#/components/schemas/Problem"}}
    about = f"{JSON} unless another format is requested"
    content: dict[str, Any] = {
        encoding.MEDIA_TYPES[form]: {"schema": {"type": "object"}} if form == "json" else {}
        for form in operation.formats
    }
    return {
        "operationId": operation.path.strip("/"),
        "summary": operation.about,
        "parameters": list(_parameters(operation)),
        "responses": {
            "200": {"description": about, "content": content},
            "304": {"description": "the client has it already (If-None-Match)"},
            **{
                code: {"description": why, "content": {PROBLEM: refused}}
                for code, why in PROBLEMS.items()
            },
        },
    }


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    schema = operation.query.model_json_schema()
    required = schema.get("required", [])
    for name, described in schema.get("properties", {}).items():
        about = described.pop("description", "")
        found = {"name": name, "in": "query", "required": name in required, "schema": described}
        yield found | ({"description": about} if about else {})
