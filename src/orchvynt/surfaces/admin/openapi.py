"""Builds the OpenAPI document from the route table, so that it cannot say anything else than what is served."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orchvynt.model.faults import KINDS
from orchvynt.surfaces.admin.asking import JSON, Row
from orchvynt.surfaces.admin.paging import LIMIT_DEFAULT, LIMIT_MAX
from orchvynt.surfaces.operator_shapes import RefusalBody

PARAMETER: Final = re.compile(r"\{(\w+)(?::path)?\}")
NUMBERS: Final = ("version",)
SCHEMES: Final[dict[str, Any]] = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": "orchvynt-session"},
}
REFUSED: Final = (400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503)


def openapi(rows: Sequence[Row], prefix: str, version: str, beside: Sequence[Row] = ()) -> dict[str, Any]:
    """An OpenAPI 3.1 document of all rows, those `beside` the prefix included."""
    within, rows = len(rows), [*rows, *beside]
    shapes = [row.gives for row in rows] + [row.takes for row in rows if row.takes is not None] + [RefusalBody]
    schemas, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    gives = dict(zip(range(len(rows)), schemas, strict=False))
    takes = iter(schemas[len(rows) : -1])
    paths: dict[str, dict[str, Any]] = {}
    for index, row in enumerate(rows):
        operation = _operation(row, gives[index], schemas[-1])
        if row.takes is not None:
            operation["requestBody"] = {"required": True, "content": _content(JSON, next(takes))}
        paths.setdefault((prefix if index < within else "") + PARAMETER.sub(r"{\1}", row.path), {})[row.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "OrchVynt admin API", "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": SCHEMES},
    }


def _operation(row: Row, gives: dict[str, Any], refusal: dict[str, Any]) -> dict[str, Any]:
    codes = sorted({kind.code for kind in KINDS.values() if kind.status in REFUSED})
    needs = f"Needs the role `{row.role}`." if row.role else "Needs no token."
    return {
        "summary": row.summary,
        "description": needs,
        "operationId": "_".join([row.method.lower(), *PARAMETER.sub(r"\1", row.path).strip("/").split("/")]),
        "x-orchvynt-role": row.role,
        "security": [{"token": []}, {"session": []}] if row.role else [],
        "parameters": _parameters(row),
        "responses": {
            str(row.status): {"description": "Done.", "content": _content(row.media, gives)},
            "default": {"description": f"A refusal; its `code` is one of {', '.join(codes)}.", "content": _content(JSON, refusal)},
        },
    }


def _parameters(row: Row) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "integer" if name in NUMBERS else "string"}}
        for name in PARAMETER.findall(row.path)
    ]
    for query in row.query:
        schema: dict[str, Any] = {"type": "string"}
        if query.choices:
            schema["enum"] = list(query.choices)
        found.append({"name": query.name, "in": "query", "description": query.meaning, "schema": schema})
    if row.pages:
        limit = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
        found.append({"name": "limit", "in": "query", "description": "How many items at most.", "schema": limit})
        found.append({"name": "after", "in": "query", "description": "`next` of the page before.", "schema": {"type": "string"}})
    return found


def _content(media: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {media: {"schema": schema}}
