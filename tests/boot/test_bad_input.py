#!/usr/bin/env python3
"""Bad input: each limit of the wire contract from both sides, every malformed Authorization, every member with every JSON
type. What is refused changes nothing."""

import base64
import re
import time

from appliance import Rig, Suite, first_tenant, make_user

UNLIMITED = ["--option", "rate_issue=0", "--option", "rate_tenant=0", "--option", "rate_auth=0"]
COMMAND = {"action": "withdrawal.create", "withdrawal": {"amount": {"value": "1.00", "currency": "EUR"}}}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OWN_SHAPES = {"/action-tokens": {"code", "message"}, "/api/v1/tokens": {"detail"}}  # of errors, by path
BODY_MAX, HEAD_MAX = 16384, 8192
# A value of each JSON type, and texts that are none of the enumerations, ids or times that a member may want.
TYPES = {"null": None, "true": True, "number": 3, "fraction": 1.5, "negative": -1, "huge": 1e300, "string": "text",
         "empty": "", "array": [], "array of arrays": [[]], "array of null": [None], "array of numbers": [3],
         "object": {}, "nested": {"a": {"b": []}}}


class World:
    def __init__(self, rig):
        self.client, self.root = rig.client(), rig.basic
        self.tenant = first_tenant(self.client, self.root)
        self.user, self.jwt = make_user(self.client, self.root, self.tenant)
        self.other, _ = make_user(self.client, self.root, self.tenant, "other@example.com")
        self.spare = self.client.post("/admin/v1/tenants", {"name": "spare"}, basic=self.root).json
        self.serial, self.known = 0, None

    def who(self, path):
        if path.startswith("/api/v1/"):
            return {"bearer": self.jwt, "business": self.tenant}
        return {"bearer": self.jwt} if path == "/action-tokens" else {"basic": self.root}

    def ask(self, route, body=None, headers=None):
        method, _, path = route.partition(" ")
        # Family 1 grants "30" and true for a number of days, as pydantic does and the description does not say.
        reply = self.client.request(method, path, body, headers=headers, lax=path.startswith("/api/v1/"),
                                    **self.who(path))
        if reply.status < 300:
            self.known = None
        return reply

    def serial_email(self):
        self.serial += 1
        return f"n{self.serial}@example.com"

    def jwt_of_new_user(self):
        """A caller that is far from its 10 tokens."""
        user = self.ask("POST /admin/v1/users", {"email": self.serial_email(), "tenants": [self.tenant],
                                                 "capabilities": ["withdrawal.create"]}).json
        self.jwt = self.ask(f"POST /admin/v1/users/{user['id']}/tokens", {"tenant": self.tenant, "name": "x"}).json["token"]

    def counts(self):
        """How many things of each kind and state there are."""
        text = self.client.get("/metrics", basic=self.root).text
        return dict(re.findall(r"^(jeton_(?:tokens\{.*?\}|tenants|users)) (\d+)$", text, re.M))


def refuse(suite, world, name, expected, ask):
    """`ask` is refused with this status, in its family's shape, and changes nothing."""
    before = world.known or world.counts()
    suite.equal(name, ask().status, expected)
    world.known = world.counts()
    suite.equal(f"{name}: nothing changed", world.known, before)


def both_sides(suite, world, name, good, bad):
    """Requests just inside a limit are granted, just outside refused: (route, body, headers, status)."""
    for route, body, headers, expected in good:
        reply = world.ask(route, body, headers)
        suite.check(f"{name}: inside", reply.status == expected, f"{route}: {reply}, expected {expected}")
    for route, body, headers, expected in bad:
        refuse(suite, world, f"{name}: outside, {route}", expected, lambda: world.ask(route, body, headers))


# ---- limits ----


def texts(suite, world):
    """Lengths in code points, whatever their bytes."""
    for unit in ("a", "é", "\U0001f512"):
        world.jwt_of_new_user()
        family_1, family_2 = "POST /api/v1/tokens", "POST /tokens"
        both_sides(suite, world, f"texts of {unit}", [
            (family_1, {"name": unit}, None, 201), (family_1, {"name": unit * 255}, None, 201),
            (family_1, {"name": "x", "description": unit * 1024}, None, 201),
            (family_1, {"name": "x", "description": ""}, None, 201),
            (family_1, {"name": "x", "description": None}, None, 201),
            (family_2, {"name": unit, "permissions": ["VIEW"]}, None, 201),
            (family_2, {"name": unit * 255, "permissions": ["VIEW"]}, None, 201)], [
            (family_1, {"name": ""}, None, 422), (family_1, {"name": unit * 256}, None, 422),
            (family_1, {"name": "x", "description": unit * 1025}, None, 422),
            (family_2, {"name": "", "permissions": ["VIEW"]}, None, 400),
            (family_2, {"name": unit * 256, "permissions": ["VIEW"]}, None, 400)])


def numbers(suite, world):
    world.jwt_of_new_user()
    create, token = "POST /api/v1/tokens", world.ask("POST /tokens", {"name": "r", "permissions": ["VIEW"]}).json["id"]
    rotate, tenant = f"POST /tokens/{token}/rotate", f"PATCH /admin/v1/tenants/{world.spare['id']}"
    both_sides(suite, world, "numbers",
               [(create, {"name": "x", "expires_in_days": days}, None, 201) for days in (1, 365, "30", 30.0, True)]
               + [(rotate, {"overlapSeconds": seconds}, None, 200) for seconds in (0, 604800)]
               + [(tenant, {"policy": {"action_token_ttl_s": ttl}}, None, 200) for ttl in (30, 900)],
               [(create, {"name": "x", "expires_in_days": days}, None, 422) for days in (0, 366, 1.5, "x", [], -1, None)]
               + [(rotate, {"overlapSeconds": seconds}, None, 400) for seconds in (-1, 604801, 0.5, "0", True)]
               + [(tenant, {"policy": {"action_token_ttl_s": ttl}}, None, 400) for ttl in (29, 901, 60.5, "60")])


def ten_tokens(suite, world):
    """A user's eleventh active token of a tenant is refused; a revoked one makes room."""
    world.jwt_of_new_user()
    create = "POST /api/v1/tokens"
    made = [world.ask(create, {"name": f"n{i}"}) for i in range(9)]
    suite.equal("ten", [reply.status for reply in made], [201] * 9)
    refuse(suite, world, "eleven", 400, lambda: world.ask(create, {"name": "eleven"}))
    suite.equal("its words", world.ask(create, {"name": "x"}).json, {"detail": "Maximum of 10 active tokens reached"})
    suite.equal("revoke", world.ask(f"{create}/{made[0].json['token_info']['id']}/revoke").status, 201)
    suite.equal("room again", world.ask(create, {"name": "x"}).status, 201)


def lists(suite, world):
    family_1, family_2, users = "GET /api/v1/tokens?", "GET /tokens?", "GET /admin/v1/users?"
    many = [world.tenant] + [world.ask("POST /admin/v1/tenants", {"name": f"t{i}"}).json["id"] for i in range(16)]
    capabilities = [f"thing{i}.do" for i in range(33)]

    def user(tenants, labels=()):
        return {"email": world.serial_email(), "tenants": tenants, "capabilities": list(labels)}
    both_sides(suite, world, "lists",
               [(family_1 + f"limit={limit}", None, None, 200) for limit in (1, 1000)]
               + [(family_2 + f"limit={limit}", None, None, 200) for limit in (1, 100)]
               + [("POST /tokens", {"name": "c", "permissions": ["VIEW"], "allowedCidrs": ["10.0.0.0/8"] * 16}, None, 201),
                  ("POST /tokens", {"name": "c", "permissions": ["VIEW", "VIEW", "MANAGE"]}, None, 201),
                  ("POST /admin/v1/users", user(many[:16]), None, 201),
                  ("POST /admin/v1/users", user(many[:1], capabilities[:32]), None, 201)],
               [(family_1 + f"limit={limit}", None, None, 422) for limit in (0, 1001, -1, "x", "")]
               + [(where + f"limit={limit}", None, None, 400) for limit in (0, 101, -1, "x") for where in (family_2, users)]
               + [(family_1 + "direction=up", None, None, 422), (family_1 + "sort_by=no", None, None, 422),
                  (family_1 + "descending=maybe", None, None, 422), (family_1 + "include_revoked=maybe", None, None, 422),
                  (family_1 + "cursor=no", None, None, 400), (family_2 + "cursor=no", None, None, 400),
                  ("POST /tokens", {"name": "c", "permissions": ["VIEW"], "allowedCidrs": ["10.0.0.0/8"] * 17}, None, 400),
                  ("POST /tokens", {"name": "c", "permissions": []}, None, 400),
                  ("POST /tokens", {"name": "c", "permissions": ["VIEW", "view"]}, None, 400),
                  ("POST /admin/v1/users", user(many), None, 400), ("POST /admin/v1/users", user([]), None, 400),
                  ("POST /admin/v1/users", user(many[:1], capabilities), None, 400)])


def keys_and_ids(suite, world):
    """Idempotency-Key, X-Request-Id, actions, e-mail addresses, times, address ranges."""
    body, keys = {"name": "k", "permissions": ["VIEW"]}, ("k", "~" * 255)
    both_sides(suite, world, "keys",
               [("POST /tokens", body, {"Idempotency-Key": key}, 201) for key in keys],
               [("POST /tokens", body, {"Idempotency-Key": key}, 400) for key in ("", "k" * 256, "a b", "\xe9")]
               + [("POST /tokens", dict(body, name="l"), {"Idempotency-Key": key}, 409) for key in keys])
    local = "a" * (254 - len("@example.com"))
    users = [{"email": email, "tenants": [world.tenant], "capabilities": []} for email in
             (local + "@example.com", "a@b", local + "a@example.com", "a", "@b", "a@", "a@b@c", "a b@c")]
    both_sides(suite, world, "addresses", [("POST /admin/v1/users", user, None, 201) for user in users[:2]],
               [("POST /admin/v1/users", user, None, 400) for user in users[2:]])

    def action(name):
        return {"action": name, name.partition(".")[0]: {}}
    both_sides(suite, world, "actions", [("POST /action-tokens", COMMAND, None, 201)],
               [("POST /action-tokens", action(name), None, 422) for name in ("no.such", "a" * 31 + "." + "b" * 32)]
               + [("POST /action-tokens", action(name), None, 400) for name in
                  ("a" * 32 + "." + "b" * 32, "plain", ".", "a.", ".b", "")])
    for length, echoed in ((1, True), (128, True), (129, False)):
        sent = "r" * length
        got = world.ask("GET /health/alive", None, {"X-Request-Id": sent}).headers["X-Request-Id"]
        suite.equal(f"request id of {length}", got == sent, echoed)


def expiries_and_ranges(suite, world):
    def token(**more):
        return {"name": "e", "permissions": ["VIEW"], **more}
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    past = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    both_sides(suite, world, "times and ranges",
               [("POST /tokens", token(expiresAt=when), None, 201) for when in
                (soon, "2106-02-07T06:28:15Z", "2050-01-01T00:00:00+05:30", "2050-01-01T00:00:00.5Z")]
               + [("POST /tokens", token(allowedCidrs=[prefix]), None, 201) for prefix in
                  ("10.0.2.0/24", "0.0.0.0/0", "::/0", "2001:db8::/32", "1.2.3.4", "::1")],
               [("POST /tokens", token(expiresAt=when), None, 400) for when in
                (past, "2106-02-07T06:28:16Z", "2050-02-30T00:00:00Z", "2050-01-01", "2050-01-01 00:00", "", "soon")]
               + [("POST /tokens", token(allowedCidrs=[prefix]), None, 400) for prefix in
                  ("10.0.2.1/24", "10.0.0.0/33", "::/129", "256.0.0.1", "10.0.0", "10.0.0.0/", "", "2001:db8::1/32")])


def padded(body_bytes):
    """A good family-2 body of exactly so many bytes."""
    text = '{"name":"p","permissions":["VIEW"]'
    return text + " " * (body_bytes - len(text) - 1) + "}"


def sizes(suite, world):
    """Body and head, to the byte; depth of JSON."""
    deep = '{"action":"withdrawal.create","withdrawal":%s}'
    both_sides(suite, world, "sizes",
               [("POST /tokens", padded(BODY_MAX), None, 201),
                ("POST /action-tokens", deep % ('{"a":' + "[" * 30 + "]" * 30 + "}"), None, 201)],
               [("POST /tokens", padded(BODY_MAX + 1), None, 413), ("POST /api/v1/tokens", padded(BODY_MAX + 1), None, 413),
                ("POST /action-tokens", padded(BODY_MAX + 1), None, 413),
                ("POST /action-tokens", deep % ('{"a":' + "[" * 31 + "]" * 31 + "}"), None, 400),
                ("POST /action-tokens", '{"action":"withdrawal.create","action":"withdrawal.create","withdrawal":{}}', None,
                 400)])
    bare = len("GET /health/alive HTTP/1.1\r\nHost: %s:%d\r\nAccept-Encoding: identity\r\nX-Pad: \r\n\r\n"
               % world.client.address)
    # Health is for anyone: no Authorization whose length would count.
    for size, expected in ((HEAD_MAX, 200), (HEAD_MAX + 1, 431)):
        reply = world.client.get("/health/alive", headers={"X-Pad": "p" * (size - bare)})
        suite.equal(f"head of {size} bytes", reply.status, expected)
    for count, expected in ((64, 200), (65, 431)):
        more = {f"X-{i}": "y" for i in range(count - 2)}
        suite.equal(f"{count} headers", world.client.get("/health/alive", headers=more).status, expected)


def media_types(suite, world):
    wrong = ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json", "application/ json", "*/*")
    right = ("application/json", "APPLICATION/JSON;charset=utf-8", "application/problem+json", "application/json ; x=y")
    body = {"name": "m", "permissions": ["VIEW"]}
    both_sides(suite, world, "media types",
               [("POST /tokens", body, {"Content-Type": media}, 201) for media in right]
               + [("POST /action-tokens", COMMAND, {"Content-Type": media}, 201) for media in right],
               [(route, sent, {"Content-Type": media}, expected) for media in wrong for route, sent, expected in
                (("POST /tokens", body, 415), ("POST /action-tokens", COMMAND, 415),
                 ("POST /api/v1/tokens", {"name": "x"}, 422))])


# ---- Authorization ----


def authorizations(suite, world):
    """No way to write it wrong gets in, and each family says 401 in its own words."""
    pair = ":".join(world.root)
    good = base64.b64encode(pair.encode()).decode()
    jwt = world.jwt
    flipped = jwt[:-2] + ("AA" if jwt[-2:] != "AA" else "BB")
    bad = ["", " ", "Basic", "Basic ", "Bearer", "Bearer ", "Basic \t", good, pair, jwt, "Basic " + pair, "Basic  x",
           "Basic " + good[:-1], "Basic " + good + "=", "Basic " + good + " x", "Basic " + good.replace("=", "") + "\x80",
           "Basic " + good[:20] + " " + good[20:], "Basic " + base64.b64encode(world.root[0].encode()).decode(),
           "Basic " + base64.b64encode(f"{world.root[0]}:".encode()).decode(),
           "Basic " + base64.b64encode(f":{world.root[1]}".encode()).decode(),
           "Basic " + base64.b64encode(f"{world.root[0]}:{world.root[1]}0".encode()).decode(),
           "Basic " + base64.b64encode(f"{world.root[0]}:{world.root[1][:-1]}".encode()).decode(),
           "Basic " + base64.b64encode(f"{world.root[0]}:{world.root[1].upper()}".encode()).decode(),
           "Basic " + base64.b64encode(f"{world.root[0]}\0:{world.root[1]}".encode()).decode(),
           "Basic " + base64.b64encode(b"\xff" * 60).decode(), "Basic " + "A" * 4000, "Basic " + "=" * 40,
           "Bearer " + good, "Basic " + jwt, "Digest " + good, "Token " + jwt, "Bearer: " + jwt, "Bearer," + jwt,
           "Bearer " + jwt[3:], "Bearer dz_", "Bearer dz_.", "Bearer dz_..", "Bearer dz_a.b.c", "Bearer " + jwt + "A",
           "Bearer " + jwt[:-1], "Bearer " + flipped, "Bearer " + jwt + ".", "Bearer " + jwt.upper(), "Bearer " + jwt + " x",
           "Bearer dz_eyJhbGciOiJub25lIn0." + jwt.split(".")[1] + ".", "Bearer act_tok_" + "0" * 36, "Bearer " + "x" * 7000,
           "Bearer \xe9\xff", "Bearer \x01".replace("\x01", "\x7e" * 10)]
    before = world.counts()
    paths = (("POST", "/action-tokens", COMMAND), ("POST", "/api/v1/tokens", {"name": "x"}),
             ("POST", "/tokens", {"name": "x", "permissions": ["VIEW"]}), ("GET", "/admin/v1/users", None),
             ("GET", "/verify", None), ("POST", "/oauth/introspect", {"token": jwt}))
    for value in bad:
        for method, path, body in paths:
            reply = world.client.request(method, path, body, headers={"Authorization": value}, business=world.tenant)
            suite.equal(f"{path} with {value[:60]!r}", reply.status, 401)
            suite.check(f"{path}: challenge", "WWW-Authenticate" in reply.headers, dict(reply.headers))
            shape = OWN_SHAPES.get(path)
            if shape:
                suite.equal(f"{path}: shape", set(reply.json), shape)
    suite.equal("no Authorization gets in: nothing changed", world.counts(), before)
    for value in ("Basic " + good, "basic " + good, "BASIC  " + good):
        suite.equal(f"scheme {value[:6]!r}", world.client.get("/tokens", headers={"Authorization": value}).status, 200)


# ---- types ----

# Route: a good body, for each member the kinds of TYPES that are good there too, and the status of the others.
UNKNOWN_TOKEN = "400, and 401 for what is well formed"
ANY_TEXT, OBJECT = {"string"}, {"object", "nested"}


def bodies(world):
    token = world.ask("POST /tokens", {"name": "t", "permissions": ["VIEW"]}).json["id"]
    description, days = {"string", "empty", "null"}, {"true", "number"}
    return {
        "POST /action-tokens": (COMMAND, {"action": set(), "withdrawal": OBJECT}, 400),
        "POST /action-tokens/consume": (dict(COMMAND, token="act_tok_" + "0" * 36, actor="users/" + world.user["id"]),
                                        {"action": set(), "withdrawal": OBJECT, "token": ANY_TEXT | {"empty"},
                                         "actor": ANY_TEXT | {"empty"}}, UNKNOWN_TOKEN),
        "POST /api/v1/tokens": ({"name": "x", "description": "d", "expires_in_days": 3},
                                {"name": ANY_TEXT, "description": description, "expires_in_days": days}, 422),
        "POST /tokens": ({"name": "x", "permissions": ["VIEW"], "expiresAt": "2050-01-01T00:00:00Z",
                          "allowedCidrs": ["::/0"]},
                         {"name": ANY_TEXT, "permissions": set(), "expiresAt": set(), "allowedCidrs": set()}, 400),
        f"POST /tokens/{token}/rotate": ({"overlapSeconds": 1}, {"overlapSeconds": {"number"}}, 400),
        "POST /admin/v1/tenants": ({"name": "x"}, {"name": ANY_TEXT}, 400),
        f"PATCH /admin/v1/tenants/{world.spare['id']}": (
            {"name": "spare", "suspended": False, "policy": {}},
            {"name": ANY_TEXT, "suspended": {"true"}, "policy": {"object"}}, 400),
        "POST /admin/v1/users": ({"email": "fixed@example.com", "tenants": [world.tenant], "capabilities": []},
                                 {"email": set(), "tenants": set(), "capabilities": {"array"}}, 400),
        f"PATCH /admin/v1/users/{world.other['id']}": (
            {"email": "other@example.com", "tenants": [world.tenant], "capabilities": [], "disabled": False},
            {"email": set(), "tenants": set(), "capabilities": {"array"}, "disabled": {"true"}}, 400),
        f"POST /admin/v1/users/{world.other['id']}/tokens": (
            {"tenant": world.tenant, "name": "x", "description": "d", "expires_in_days": 3},
            {"tenant": set(), "name": ANY_TEXT, "description": {"string", "empty"}, "expires_in_days": {"number"}}, 400),
        "POST /admin/v1/revocations": ({"tenant": world.spare["id"], "user": world.other["id"], "family": 2,
                                        "created_before": "2020-01-01T00:00:00Z", "reason": "x"},
                                       {"tenant": set(), "user": set(), "family": set(), "created_before": set(),
                                        "reason": ANY_TEXT | {"empty"}}, 400),
        "POST /oauth/token": ({"grant_type": "client_credentials"}, {"grant_type": set()}, 400),
        "POST /oauth/introspect": ({"token": world.jwt}, {"token": ANY_TEXT}, 400),
        "POST /oauth/revoke": ({"token": "unknown"}, {"token": ANY_TEXT}, 400),
    }


def check_member(suite, world, route, member):
    """One member with every JSON type: granted where it fits, else refused."""
    body, members, refused = route[1]
    for kind, value in TYPES.items():
        name = f"{route[0]}: {member}: {kind}"
        sent = dict(body, **{member: value})
        if kind in members[member] and refused != UNKNOWN_TOKEN:
            world.jwt_of_new_user()
            reply = world.ask(route[0], sent)
            suite.check(name, reply.status < 300, reply)
        else:
            status = 401 if kind in members[member] else 400 if refused == UNKNOWN_TOKEN else refused
            refuse(suite, world, name, status, lambda: world.ask(route[0], sent))


def types(suite, world):
    for route in bodies(world).items():
        for member in route[1][1]:
            check_member(suite, world, route, member)
        pydantic = route[0] == "POST /api/v1/tokens"
        for name, text, status in (
                ("no object", "[]", 422), ("not JSON", "{", 422), ("trailing", "{}{}", 422), ("NaN", '{"name":NaN}', 400),
                ("not UTF-8", b'{"name":"\xff"}', 400), ("lone surrogate", '{"name":"\\ud800"}', 400),
                ("U+0000", '{"name":"\\u0000"}', 400), ("out of range", '{"name":1e999}', 400)):
            refuse(suite, world, f"{route[0]}: {name}", status if pydantic else 400, lambda: world.ask(route[0], text))


def main():
    suite = Suite()
    with Rig(options=UNLIMITED) as rig:
        world = World(rig)
        for scenario in (texts, numbers, ten_tokens, lists, keys_and_ids, expiries_and_ranges, sizes, media_types,
                         authorizations, types):
            suite.run(scenario.__name__, scenario, world)
        suite.equal("alive", world.client.get("/health/alive").status, 200)
    suite.finish()


if __name__ == "__main__":
    main()
