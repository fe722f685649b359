#!/usr/bin/python3
"""Holds recorded requests and answers against the description that the appliance serves (Debian's jsonschema).

  tests/clients/openapi_check.py FILE     one exchange a line: {"method", "target", "headers", "body", "status",
                                          "answer_headers", "answer"}

Every answer must have a status, headers and a body that the description names, with no member that it does not. Every
request that was granted must be one that it describes. Prints the violations; exit code 1 if there are any, 77 without
jsonschema.
"""
import json
import os
import re
import sys
from urllib.parse import parse_qsl, unquote, urlsplit

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not there")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DESCRIPTION = os.path.join(ROOT, "app", "api", "openapi.json")
COMMON_HEADERS = ("Date", "Cache-Control", "X-Request-Id", "Strict-Transport-Security")
# What any request may be answered with, whatever the route; the description says so once, in its opening text.
ANYWHERE = {400, 404, 405, 408, 413, 414, 417, 429, 431, 500, 501, 503, 505}
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
TIME = re.compile(r"\d{4}-(0\d|1[0-2])-[0-3]\d[Tt][0-2]\d:[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")

GENERAL = {"application/json": {"schema": {"$ref": "#/components/schemas/Family2Error"}}}

FORMATS = jsonschema.FormatChecker()
FORMATS.checks("date-time")(lambda value: not isinstance(value, str) or bool(TIME.fullmatch(value)))


class Description:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.document = json.load(file)
        self.resolver = jsonschema.RefResolver("", self.document)
        self.routes = [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))), template, item)
                       for template, item in self.document["paths"].items()]

    def find(self, path, method):
        """(path item or None, operation or None)."""
        for pattern, _, item in self.routes:
            if pattern.fullmatch(path):
                return item, item.get("get" if method == "head" else method)
        return None, None

    def resolve(self, value):
        while isinstance(value, dict) and "$ref" in value:
            value = self.resolver.resolve(value["$ref"])[1]
        return value

    def errors(self, schema, value):
        """What is wrong with a value, in a line each."""
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver, format_checker=FORMATS)
        for error in list(validator.iter_errors(value))[:3]:
            yield f"{'/'.join(map(str, error.absolute_path)) or 'value'}: {error.message[:300]}"

    def properties(self, schema):
        """The member schemas of an object's schema, and whether others are allowed by it."""
        schema, found, is_open = self.resolve(schema), {}, False
        if schema is True or schema == {}:
            return {}, True
        found.update(schema.get("properties", {}))
        is_open = schema.get("additionalProperties", None) not in (None, False)
        for part in schema.get("allOf", []) + schema.get("anyOf", []) + schema.get("oneOf", []):
            more, also_open = self.properties(part)
            found.update(more)
            is_open = is_open or also_open
        return found, is_open or not found

    def undescribed(self, schema, value, where=""):
        """The members that the schema does not name."""
        schema = self.resolve(schema)
        if isinstance(value, list) and isinstance(schema, dict) and isinstance(schema.get("items"), dict):
            for item in value:
                yield from self.undescribed(schema["items"], item, where + "[]")
        if isinstance(value, dict):
            members, is_open = self.properties(schema)
            for name, inner in value.items():
                if name in members:
                    yield from self.undescribed(members[name], inner, f"{where}/{name}")
                elif not is_open:
                    yield f"{where}/{name}: a member that the description does not name"


def media_of(headers):
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def family_schema(path):
    names = (("/action-tokens", "Family0Error"), ("/withdrawals", "Family0Error"), ("/conversions", "Family0Error"),
             ("/api/v1/tokens", "Family1Error"), ("/oauth/", "OAuthError"))
    name = next((name for prefix, name in names if path.startswith(prefix)), "Family2Error")
    return {"$ref": f"#/components/schemas/{name}"}


def answer_value(exchange):
    return json.loads(exchange["answer"]) if "json" in media_of(exchange["answer_headers"]) else exchange["answer"]


def check_body(description, exchange, content):
    """The body against the media type's schema that the description has for it."""
    media = media_of(exchange["answer_headers"])
    if exchange["method"] == "HEAD":
        return
    if not content:
        if exchange["answer"]:
            yield "a body that is not described"
        return
    if "*/*" in content:
        return
    if media not in content:
        yield f"a media type that is not described: {media!r}"
        return
    schema, value = content[media].get("schema", {}), answer_value(exchange)
    yield from description.errors(schema, value)
    yield from description.undescribed(schema, value)


def check_answer(description, exchange, path, item, operation):
    headers, status = exchange["answer_headers"], exchange["status"]
    for name in COMMON_HEADERS + (("Content-Length",) if status != 204 else ()):
        if name not in headers:
            yield f"no header {name}"
    if item is None and status in (200, 201, 204) and exchange["method"] != "OPTIONS":
        yield "a path that the description does not have"
    responses = (operation or {}).get("responses", {})
    of_range = responses.get(f"{status // 100}XX")  # relayed answers of upstreams: any body
    response = description.resolve(responses.get(str(status), of_range))
    if response:
        for name, header in response.get("headers", {}).items():
            if description.resolve(header).get("required") and name not in headers:
                yield f"no header {name}"
        faults = list(check_body(description, exchange, response.get("content")))
        if faults and status in ANYWHERE and exchange["lax"]:  # refused before its path was known: family 2's shape
            faults = list(check_body(description, exchange, GENERAL))
        yield from () if of_range else faults
    elif exchange["method"] == "OPTIONS" and item is not None:
        if status == 204 and "Allow" not in headers:
            yield "no header Allow"
    elif status not in ANYWHERE:
        yield "a status that is not described"
    elif exchange["method"] != "HEAD" and path != "/verify":
        yield from check_body(description, exchange, {"application/json": {"schema": {
            "anyOf": [family_schema(path), {"$ref": "#/components/schemas/Family2Error"}]}}})


def text_value(schema, text):
    """A parameter's text as the value that its schema speaks of."""
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "integer" in kinds and re.fullmatch(r"-?\d+", text):
        return int(text)
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    return text


def check_parameters(description, operation, query, headers):
    described = {(parameter["in"], parameter["name"].lower()): parameter
                 for parameter in map(description.resolve, operation.get("parameters", []))}
    for (place, name), parameter in described.items():
        given = headers if place == "header" else query
        names = {key.lower(): value for key, value in given.items()}
        if place in ("query", "header") and name in names:
            schema = description.resolve(parameter["schema"])
            yield from (f"parameter {name}: {error}"
                        for error in description.errors(schema, text_value(schema, names[name])))
        elif place in ("query", "header") and parameter.get("required"):
            yield f"granted without the parameter {name}"


def check_request(description, exchange, query, operation):
    """A granted request is one that the description allows."""
    headers = exchange["headers"]
    yield from check_parameters(description, operation, query, headers)
    body, described = exchange["body"], description.resolve(operation.get("requestBody"))
    if not body:
        if described and described.get("required"):
            yield "granted without a body"
    elif described:
        media = media_of(headers)
        if media not in described["content"]:
            if not media.endswith("+json"):
                yield f"granted a media type that is not described: {media!r}"
            return
        value = dict(parse_qsl(body, keep_blank_values=True)) if "form" in media else json.loads(body)
        yield from description.errors(described["content"][media].get("schema", {}), value)


def check(description, exchange):
    parts = urlsplit(exchange["target"])
    item, operation = description.find(unquote(parts.path), exchange["method"].lower())
    yield from check_answer(description, exchange, parts.path, item, operation)
    if operation is not None and exchange["status"] < 300 and not exchange["lax"]:
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        yield from ("request: " + error for error in check_request(description, exchange, query, operation))


def main():
    description, count, seen = Description(DESCRIPTION), 0, set()
    with open(sys.argv[1], encoding="utf-8") as file:
        for line in file:
            exchange = json.loads(line)
            count += 1
            for fault in check(description, exchange):
                name = f"{exchange['method']} {urlsplit(exchange['target']).path} {exchange['status']}"
                if (name, fault) not in seen:
                    seen.add((name, fault))
                    print(f"{name}: {fault}\n    {exchange['body']!r:.300} -> {exchange['answer']!r:.300}")
    print(f"{count} exchanges held against the description")
    return 1 if seen else 0


if __name__ == "__main__":
    sys.exit(main())
