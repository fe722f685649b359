#!/usr/bin/env python3
"""Mutated requests to every route of the API's description: each is answered, none by a 5xx that WIRE.md does not name, the
connection stays open unless the answer says otherwise, and what is refused changes nothing.

  tests/boot/test_mutations.py [word...]      all routes, or those whose name contains one of the words

JETON_MUTATIONS: requests for each route (10000 for the long run), JETON_SEED: another sequence.
"""

import base64
import http.client
import json
import os
import random
import re
import socket
import sys

from appliance import EXCHANGES, Reply, Rig, Suite, connect_within, first_tenant, make_user
from mutate import Request, mutate
from upstream import Upstream

COUNT = int(os.environ.get("JETON_MUTATIONS", "100"))
SEED = int(os.environ.get("JETON_SEED", "11"))
UNLIMITED = ["--option", "rate_issue=0", "--option", "rate_tenant=0", "--option", "rate_auth=0"]
COMMANDS = {"withdrawal": {"amount": {"value": "1.00", "currency": "EUR"}, "to": "DE89370400440532013000"},
            "conversion": {"amount": {"value": "2.50", "currency": "USD"}, "into": "EUR"}}
GATEWAY = {"/withdrawals": "withdrawal", "/conversions": "conversion"}
HOST_FOR_GUEST = "10.0.2.2"  # what QEMU's user network calls our loopback
PROTOCOL = {501, 505}  # a transfer coding or a version that is not known
SPENT = {"POST /action-tokens/consume", "POST /api/v1/tokens/{id}/revoke", "DELETE /admin/v1/users/{id}",
         "POST /withdrawals", "POST /conversions"}  # what is granted uses up its target
WAIT_S = 30


class Wire:
    """A TLS connection that sends bytes as they are."""

    def __init__(self, rig):
        self.client, self.socket, self.session = rig.client(), None, None

    def open(self):
        plain = connect_within(self.client.namespace, self.client.address, WAIT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = self.client.context.wrap_socket(plain, server_hostname="localhost", session=self.session)

    def close(self):
        if self.socket is not None:
            self.session = self.socket.session  # half of the requests close it: resuming is quicker
            self.socket.close()
            self.socket = None

    def exchange(self, method, data):
        """(the answer, whether the connection is still good). No answer is an exception."""
        if self.socket is None:
            self.open()
        try:
            self.socket.sendall(data)
            response = http.client.HTTPResponse(self.socket, method=method)
            response.begin()
            reply = Reply(response.status, response.headers, response.read().decode())
        except BaseException:
            self.close()
            raise
        stays = not response.will_close
        if not stays:
            self.close()
        return reply, stays


class Callers:
    """Who asks, root or a user, and of what: made anew for each batch, as a mutation may have ended it."""

    def __init__(self, rig, upstream_port):
        self.rig, self.client, self.root, self.serial = rig, rig.client(60), rig.basic, 0
        self.tenant = first_tenant(self.client, self.root)
        url = f"http://{HOST_FOR_GUEST}:{upstream_port}"
        policy = {"actions": {f"{member}.create": {"upstream": url} for member in COMMANDS}}
        changed = self.client.request("PATCH", f"/admin/v1/tenants/{self.tenant}", {"policy": policy}, basic=self.root)
        assert changed.status == 200, changed
        self.renew()

    def make(self, path, body, **who):
        made = self.client.post(path, body, **(who or {"basic": self.root}))
        assert made.status == 201, (path, made)
        return made.json

    def renew(self):
        self.serial += 1
        self.user, self.jwt = make_user(self.client, self.root, self.tenant, f"m{self.serial}@example.com",
                                        [f"{member}.create" for member in COMMANDS])
        self.token = self.make("/tokens", {"name": "target", "permissions": ["VIEW"]})
        self.spare = self.make("/admin/v1/tenants", {"name": "target"})
        self.api = self.make("/api/v1/tokens", {"name": "target"}, bearer=self.jwt, business=self.tenant)["token_info"]
        self.actions = {member: self.make("/action-tokens", {"action": f"{member}.create", member: command}, bearer=self.jwt)
                        for member, command in COMMANDS.items()}

    def target(self, path):
        """The path with the id of a thing that it may have."""
        things = {"/api/v1/tokens/": self.api["id"], "/tokens/": self.token["id"], "/admin/v1/tenants/": self.spare["id"],
                  "/admin/v1/users/": self.user["id"]}
        place = next((place for place in things if path.startswith(place)), "")
        return path.replace("{id}", things.get(place, ""))

    def headers(self, path):
        if path.startswith("/api/v1/"):
            return [("Authorization", "Bearer " + self.jwt), ("x-business-id", self.tenant)]
        if path in GATEWAY:
            return [("Authorization", "Bearer " + self.jwt), ("X-Action-Token", self.actions[GATEWAY[path]]["token"])]
        if path == "/action-tokens":
            return [("Authorization", "Bearer " + self.jwt)]
        return [("Authorization", "Basic " + base64.b64encode(":".join(self.root).encode()).decode())]

    def value(self, method, path):
        """A good body, of things that there are; None where the route takes none."""
        command, action = {"action": "withdrawal.create", "withdrawal": COMMANDS["withdrawal"]}, self.actions["withdrawal"]
        policy = {"action_token_ttl_s": 60, "actions": {"withdrawal.create": {"limits": {"EUR": "1000.00"}}}}
        return {
            "POST /action-tokens": command,
            "POST /action-tokens/consume": dict(command, token=action["token"], actor=action["bound_actor"]),
            "POST /withdrawals": COMMANDS["withdrawal"],
            "POST /conversions": COMMANDS["conversion"],
            "POST /api/v1/tokens": {"name": "made", "description": "by mutation", "expires_in_days": 30},
            "POST /api/v1/tokens/{id}/revoke": {"reason": "mutation"},
            "POST /tokens": {"name": "made", "permissions": ["VIEW", "TRANSACT"], "expiresAt": "2100-01-01T00:00:00Z",
                             "allowedCidrs": ["10.0.0.0/8", "::/0"]},
            "POST /tokens/{id}/rotate": {"overlapSeconds": 60},
            "POST /admin/v1/tenants": {"name": "made"},
            "PATCH /admin/v1/tenants/{id}": {"name": "changed", "suspended": False, "policy": policy},
            "POST /admin/v1/tenants/{id}/tokens": {"name": "made", "permissions": ["MANAGE"]},
            "POST /admin/v1/users": {"email": f"made{self.serial}@example.com", "tenants": [self.tenant],
                                     "capabilities": ["admin"]},
            "PATCH /admin/v1/users/{id}": {"capabilities": ["withdrawal.create"], "disabled": False},
            "POST /admin/v1/users/{id}/tokens": {"tenant": self.tenant, "name": "made", "expires_in_days": 3},
            "POST /admin/v1/revocations": {"user": self.user["id"], "reason": "mutation"},
            "POST /oauth/token": {"grant_type": "client_credentials"},
            "POST /oauth/introspect": {"token": self.jwt},
            "POST /oauth/revoke": {"token": "unknown"},
        }.get(f"{method} {path}")

    def request(self, method, path):
        value, headers = self.value(method, path), self.headers(path)
        if value is None:
            return Request(method, self.target(path), headers)
        return Request(method, self.target(path), headers + [("Content-Type", "application/json")], value,
                       json.dumps(value).encode())

    def state(self):
        """What refused requests must not change: how many things of each kind and state there are, and our targets. Action
        tokens expire and are collected by themselves: of them, how many there ever were, and whether ours are active."""
        text = self.client.get("/metrics", basic=self.root).text
        found = re.findall(r"^(jeton_(?:tokens\{.*?\}|tenants|users|collected_tokens_total)) (\d+)$", text, re.M)
        counts = {name: int(count) for name, count in found}
        passing = [name for name in counts if "collected" in name or 'family="action"' in name]
        counts["action tokens, ever"] = sum(counts.pop(name) for name in passing)
        things = [self.client.get(path, basic=self.root).text for path in
                  (f"/tokens/{self.token['id']}", f"/admin/v1/tenants/{self.spare['id']}",
                   f"/admin/v1/users/{self.user['id']}")]
        things += [self.client.post("/oauth/introspect", {"token": made["token"]}, basic=self.root).text
                   for made in self.actions.values()]
        return counts, things


def may_change(request, reply):
    """Was something granted that may change the state? A mutation may have changed the method."""
    return reply.status < 400 and request.method not in ("GET", "HEAD", "OPTIONS")


def judge(suite, name, request, reply, stays):
    """One answer by itself."""
    told = f"{request.encode()[:600]!r} -> {reply}"
    if reply.status >= 500 and reply.status not in PROTOCOL:
        suite.check(f"{name}: status", False, told)
    if not stays and "close" not in reply.headers.get("Connection", ""):
        suite.check(f"{name}: closed without a word", False, told)
    if not reply.headers.get("X-Request-Id") or reply.headers.get("Cache-Control") != "no-store":
        suite.check(f"{name}: headers", False, told)


def owed(request):
    """Is a whole request sent, so that an answer is owed at once? The others wait for more that does not come."""
    wants = dict(request.framing)
    length = wants.get("Content-Length", "")
    return not (length.isdigit() and int(length) > len(request.body)) and "chunked" not in wants.values()


def note(request, reply):
    """For the description's sake, where the request is text."""
    if request.version == "HTTP/1.1" and request.target.startswith("/") and not request.framing and request.method.isupper():
        EXCHANGES.note(request.method, request.target, dict(request.headers), request.body, reply, lax=True)


def route(suite, callers, wire, method, path):
    """COUNT mutations of one route, in batches; a batch in which all were refused left everything as it was."""
    name, rng, statuses = f"{method} {path}", random.Random(f"{SEED} {method} {path}"), {}
    callers.renew()
    done, good = 0, callers.request(method, path)
    reply, _ = wire.exchange(method, good.encode())
    suite.check(f"{name}: unchanged it is granted", reply.status < 300, f"{good.encode()!r} -> {reply}")
    while done < COUNT:
        callers.renew()
        before = callers.state()
        for _ in range(min(50, COUNT - done)):
            done += 1
            request = mutate(rng, callers.request(method, path))
            if not owed(request):
                continue
            try:
                reply, stays = wire.exchange(request.method, request.encode())
            except (OSError, http.client.HTTPException, ValueError) as error:
                suite.check(f"{name}: no answer", False, f"{error!r} to {request.encode()[:600]!r}")
                continue
            judge(suite, name, request, reply, stays)
            note(request, reply)
            statuses[reply.status] = statuses.get(reply.status, 0) + 1
            if request.framing:
                wire.close()  # its length was not the body's: the rest would be the next request
            if may_change(request, reply):
                if name in SPENT:
                    callers.renew()
                before = callers.state()
        suite.equal(f"{name}: refused requests change nothing", callers.state(), before)
    print(f"{name}: {done}, {dict(sorted(statuses.items()))}", flush=True)


def main():
    suite = Suite()
    print(f"seed {SEED}, {COUNT} for each route")
    big = ["--disk", "virtio"] if COUNT > 1000 else []
    with Upstream("", "127.0.0.1") as upstream, Rig(options=UNLIMITED + big, memory_mib=256 if COUNT > 1000 else None) as rig:
        callers, wire = Callers(rig, upstream.port), Wire(rig)
        description = json.loads(callers.client.get("/openapi.json").text)
        routes = [(method.upper(), path) for path, item in description["paths"].items() for method in item
                  if method in ("get", "post", "patch", "delete")]
        routes = [route for route in routes if not sys.argv[1:] or any(word in " ".join(route) for word in sys.argv[1:])]
        for method, path in sorted(routes, key=lambda route: route[1] == "/admin/v1/revocations"):
            suite.run(f"{method} {path}", route, callers, wire, method, path)
        suite.equal("alive", rig.client().get("/health/alive").status, 200)
        suite.check("no panic", "panic" not in rig.console().lower(), rig.console()[-2000:])
        wire.close()
    suite.finish()


if __name__ == "__main__":
    main()
