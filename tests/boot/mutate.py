"""Seeded mutations of requests: of JSON values, of body bytes, of heads and of targets."""

import copy
import json
import string

STRINGS = ["", " ", "x", "0", "null", "ä", "é" * 200, "\U0001f512", "\ud800", "\0", "\x7f", "a" * 255, "a" * 256,
           "a" * 1024, "b" * 1025, "../..", "%00", "Token:", "users/", "act_tok_", "dz_", "2026-13-45T99:99:99Z",
           "2026-01-01T00:00:00Z", "2199-01-01T00:00:00Z", "1e400", "-1", "'; --", "<>", "\r\n", "VIEW", "next",
           "10.0.0.0/8", "::/0", "999.1.1.1/33", "00000000-0000-7000-8000-000000000000", "https://127.0.0.1:1/", "{}",
           "[]", "=&=&"]
NUMBERS = [0, -0.0, 1, -1, 30, 365, 366, 1.5, 1e308, -1e308, 5e-324, 2**31, 2**32, 2**53, 2**64, -2**63, 10**30, 604800,
           604801]
OTHERS = [None, True, False, [], {}, [[]], [None], {"": ""}, {"a": {"a": {}}}, ["VIEW"], [1, "x", None]]
BODIES = [b"", b" ", b"null", b"[]", b"1", b'""', b"{", b"}", b"{}", b"[" * 40 + b"]" * 40, b"[" * 31 + b"]" * 31,
          b'{"a":', b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}',
          b'{"a":"\\u0000"}', b"{}{}", b"a=b"]
HEADERS = [("Content-Type", "text/plain"), ("Content-Type", "application/json; charset=utf-16"), ("Content-Type", ""),
           ("Content-Type", "application/x-www-form-urlencoded"), ("Content-Type", "application/merge-patch+json"),
           ("Authorization", "Basic"), ("Authorization", "Basic ===="), ("Authorization", "Bearer " + "x" * 3000),
           ("Authorization", "Digest a=b"), ("Authorization", ""), ("x-business-id", "no"),
           ("x-business-id", "x" * 500), ("Idempotency-Key", ""), ("Idempotency-Key", "k"),
           ("Idempotency-Key", "k" * 255), ("Idempotency-Key", "k" * 256), ("Idempotency-Key", "\x80\xff"),
           ("X-Request-Id", "id" * 64), ("X-Request-Id", "id" * 65), ("X-Request-Id", "a b\t"),
           ("Expect", "100-continue"), ("Expect", "200-maybe"), ("Transfer-Encoding", "gzip"),
           ("Transfer-Encoding", "chunked"), ("Content-Length", "1"), ("Content-Length", "-1"),
           ("Content-Length", "99999999999999999999"), ("Host", "other"), ("Connection", "close"),
           ("Connection", "keep-alive, close"), ("Accept", "text/html"), ("Range", "bytes=0-1"),
           ("Cookie", "a=b" * 900), ("X-Long", "y" * 8200), ("Upgrade", "h2c"), ("X-Action-Token", "act_tok_x"),
           ("X Y", "z"), ("X-Forwarded-For", "1.2.3.4"), ("If-None-Match", "*"), ("Content-Encoding", "gzip"),
           ("Trailer", "X"), ("TE", "trailers")]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "G@T", "X" * 40]
VERSIONS = ["HTTP/1.1"] * 8 + ["HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 "]
TAILS = ["/", "//", "/..", "/x", "%2e", "%00", "%zz", ";a=b", "#f", "?", "?limit=0", "?limit=1001", "?limit=x&limit=2",
         "?cursor=AAAA", "?cursor=" + "A" * 2000, "?direction=up", "?sort_by=no", "?descending=maybe",
         "?include_revoked=1", "?name=%ff", "?name=%00", "?&&==&", "?" + "a=b&" * 500, "?permission=VIEW",
         "?permission=%zz", "?capability=" + "c" * 300, "?x=" + "y" * 8100]


class Request:
    """What is sent, in parts that can still be changed. `body` is bytes; `value` its JSON value, if it is JSON."""

    def __init__(self, method, target, headers, value=None, body=b""):
        self.method, self.target, self.version, self.headers = method, target, "HTTP/1.1", list(headers)
        self.value, self.body, self.framing = value, body, []

    def encode(self):
        """The bytes on the wire; the length is right unless a mutation sends its own."""
        headers = [("Host", "localhost")] + self.headers + self.framing
        if not self.framing:
            headers.append(("Content-Length", str(len(self.body))))
        lines = [f"{self.method} {self.target} {self.version}"] + [f"{name}: {value}" for name, value in headers]
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + self.body


def nodes(value, path=()):
    """The paths of all values inside a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from nodes(inner, path + (key,))


def put(value, path, new):
    """`value` with the node at `path` replaced; `new` is called with what stood there."""
    if not path:
        return new(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new(inner[path[-1]])
    return value


def any_value(rng):
    kind = rng.randrange(4)
    if kind == 3:
        return "".join(rng.choice(string.printable) for _ in range(rng.randrange(40)))
    return copy.deepcopy(rng.choice((STRINGS, NUMBERS, OTHERS)[kind]))


def near(rng, value):
    """A value that is nearly the same."""
    if isinstance(value, str) and value:
        at = rng.randrange(len(value))
        return rng.choice((value[:at], value[:at] + rng.choice("\0 \u00e4aZ0-{\"\\") + value[at + 1:], value * 2, value.upper()))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return rng.choice((-value, value + 1, value * 1e20, str(value), value + 0.5))
    if isinstance(value, list):
        return rng.choice((value + value, value + [any_value(rng)], value[:-1], value * 50))
    if isinstance(value, dict):
        changed = dict(value)
        if changed and rng.random() < 0.5:
            del changed[rng.choice(list(changed))]
        else:
            changed[rng.choice((*STRINGS, *changed))] = any_value(rng)
        return changed
    return any_value(rng)


def dump(value):
    """JSON text, with lone surrogates as escapes and infinities as they are."""
    return json.dumps(value).encode()


def mutate_value(rng, request):
    value = copy.deepcopy(request.value)
    path = rng.choice(list(nodes(value)))
    value = put(value, path, (lambda _: any_value(rng)) if rng.random() < 0.5 else (lambda old: near(rng, old)))
    request.value, request.body = value, dump(value)
    if isinstance(value, dict) and value and rng.random() < 0.05:  # one member twice
        name = rng.choice(list(value))
        request.body = b"{" + dump(name) + b":" + dump(any_value(rng)) + b"," + request.body[1:]


def mutate_bytes(rng, request):
    body, choice = bytearray(request.body), rng.randrange(6)
    if not body or choice == 0:
        request.body = rng.choice(BODIES)
        return
    at = rng.randrange(len(body))
    if choice == 1:
        body[at] ^= 1 << rng.randrange(8)
    elif choice == 2:
        del body[at:at + rng.randrange(1, 9)]
    elif choice == 3:
        body[at:at] = rng.randbytes(rng.randrange(1, 9))
    elif choice == 4:
        body[at:at] = bytes(body[at:at + rng.randrange(1, 40)])
    else:
        body[at:at] = b" " * rng.choice((1, 100, 16384 - len(body), 16385 - len(body), 20000))
    request.body = bytes(body)


def mutate_head(rng, request):
    choice = rng.randrange(8)
    if choice == 0:
        request.method = rng.choice(METHODS)
    elif choice == 1:
        request.version = rng.choice(VERSIONS)
    elif choice == 2 and request.headers:
        del request.headers[rng.randrange(len(request.headers))]
    elif choice == 3 and request.headers:
        at = rng.randrange(len(request.headers))
        name, value = request.headers[at]
        request.headers[at] = (name, near(rng, value).translate({10: None, 13: None}) if value else "x")
    else:
        name, value = rng.choice(HEADERS)
        if name in ("Content-Length", "Transfer-Encoding"):
            request.framing = [(name, value)]
        elif rng.random() < 0.5:
            request.headers = [header for header in request.headers if header[0] != name] + [(name, value)]
        else:
            request.headers.append((name, value))


def mutate_target(rng, request):
    path = request.target
    if not path or rng.random() < 0.6:
        request.target += rng.choice(TAILS)
        return
    at = rng.randrange(len(path))
    request.target = rng.choice((path[:at], path[:at] + rng.choice("%/?:. A\u00e4\x01") + path[at + 1:], path.upper(),
                                 path[:at] + "%%%02x" % ord(path[at]) + path[at + 1:], "https://localhost" + path,
                                 path[1:], "*"))


def mutate(rng, request):
    """Change one to three things of a request."""
    kinds = [mutate_head, mutate_target]
    if request.value is not None:
        kinds += [mutate_value] * 4 + [mutate_bytes] * 2
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.choice(kinds)
        if kind is not mutate_value or request.value is not None:
            kind(rng, request)
    return request
