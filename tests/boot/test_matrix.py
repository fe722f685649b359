#!/usr/bin/env python3
"""Every route with every kind of caller in every state; what each cell must answer stands in matrix.txt.

  tests/boot/test_matrix.py --print     print the table as the appliance answers it now
"""

import os
import sys
import time

from appliance import Rig, Suite, first_tenant
from upstream import Upstream

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "matrix.txt")
UNLIMITED = ["--option", "rate_issue=0", "--option", "rate_tenant=0", "--option", "rate_auth=0"]
COMMAND = {"action": "withdrawal.create", "withdrawal": {"amount": {"value": "1.00", "currency": "EUR"}}}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ALL = ["VIEW", "TRANSACT", "MANAGE"]
EXPIRY_S = 4
HOST_FOR_GUEST = "10.0.2.2"  # what QEMU's user network calls our loopback


def ok(reply, status=201):
    assert reply.status == status, reply
    return reply.json


class World:
    """The appliance with one caller for each column; `callers` maps a column to the arguments of Client.request."""

    def __init__(self, rig, upstream_port):
        self.client, self.root = rig.client(), rig.basic
        self.tenant = first_tenant(self.client, self.root)
        policy = {"actions": {"withdrawal.create": {"upstream": f"http://{HOST_FOR_GUEST}:{upstream_port}"}}}
        ok(self.admin("PATCH", f"/tenants/{self.tenant}", {"policy": policy}), 200)
        self.root_id = next(token["id"] for token in ok(self.client.get("/tokens", basic=self.root), 200)["data"]
                            if token["clientId"] == self.root[0])
        self.other = ok(self.admin("POST", "/tenants", {"name": "other"}))["id"]
        self.stopped = ok(self.admin("POST", "/tenants", {"name": "stopped"}))["id"]
        self.serial = 0
        self.callers = {"none": {}, "garbage": {"bearer": "garbage"}, "wrong": {"basic": (self.root[0], "0" * 36)},
                        "root": {"basic": self.root}}
        self.add_services()
        self.add_users()
        self.end_some()

    def admin(self, method, path, body=None):
        return self.client.request(method, "/admin/v1" + path, body, basic=self.root)

    # ---- making things, which root may always ----

    def service(self, permissions, tenant=None, **more):
        made = ok(self.admin("POST", f"/tenants/{tenant or self.tenant}/tokens",
                             {"name": "matrix", "permissions": permissions, **more}))
        return made

    def pair(self, made):
        return made["clientId"], made["clientSecret"]

    def user(self, capabilities=(), tenant=None):
        self.serial += 1
        user = ok(self.admin("POST", "/users", {"email": f"u{self.serial}@example.com", "tenants": [tenant or self.tenant],
                                                "capabilities": list(capabilities)}))
        return dict(user, **self.jwt(user["id"], tenant))

    def jwt(self, user_id, tenant=None):
        made = ok(self.admin("POST", f"/users/{user_id}/tokens", {"tenant": tenant or self.tenant, "name": "matrix"}))
        return {"jwt": made["token"], "jwt_id": made["token_info"]["id"]}

    def action_token(self):
        return ok(self.client.post("/action-tokens", COMMAND, **self.callers["withdrawer"]))

    # ---- the columns ----

    def add_services(self):
        for permission in ALL:
            self.callers[permission] = {"basic": self.pair(self.service([permission]))}
        access = self.client.post("/oauth/token", {"grant_type": "client_credentials"},
                                  basic=self.pair(self.service(["VIEW", "TRANSACT"])))
        self.callers["access"] = {"bearer": ok(access, 200)["access_token"]}
        self.callers["other"] = {"basic": self.pair(self.service(ALL, self.other))}

    def add_users(self):
        self.people = {"user": self.user(), "withdrawer": self.user(["withdrawal.create"]),
                       "consumer": self.user(["action-tokens.consume", "tokens.introspect"]),
                       "admin": self.user(["admin"]), "other-user": self.user(["withdrawal.create"], self.other)}
        for name, user in self.people.items():
            self.callers[name] = {"bearer": user["jwt"]}
        self.callers["action"] = {"bearer": self.action_token()["token"]}

    def end_some(self):
        """Callers whose time has passed, in one way or another."""
        expires = time.time() + EXPIRY_S
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
        self.callers["expired"] = {"basic": self.pair(self.service(ALL, expiresAt=text))}
        revoked = self.service(ALL)
        self.callers["revoked"] = {"basic": self.pair(revoked)}
        ok(self.client.post(f"/tokens/{revoked['id']}/revoke", basic=self.root), 200)
        revoked = self.user(["withdrawal.create", "admin"])
        self.callers["revoked-user"] = {"bearer": revoked["jwt"]}
        ok(self.client.post(f"/api/v1/tokens/{revoked['jwt_id']}/revoke", bearer=revoked["jwt"], business=self.tenant))
        disabled = self.user(["withdrawal.create", "admin"])
        self.callers["disabled"] = {"bearer": disabled["jwt"]}
        ok(self.admin("PATCH", f"/users/{disabled['id']}", {"disabled": True}), 200)
        deleted = self.user(["withdrawal.create", "admin"])
        self.callers["deleted"] = {"bearer": deleted["jwt"]}
        ok(self.admin("DELETE", f"/users/{deleted['id']}"), 204)
        self.callers["suspended"] = {"basic": self.pair(self.service(ALL, self.stopped))}
        self.callers["suspended-user"] = {"bearer": self.user(["withdrawal.create", "admin"], self.stopped)["jwt"]}
        ok(self.admin("PATCH", f"/tenants/{self.stopped}", {"suspended": True}), 200)
        self.wait_until_expired()

    def wait_until_expired(self):
        """The appliance's clock has whole seconds and need not be ours."""
        end = time.monotonic() + 60
        while self.client.get("/verify", **self.callers["expired"]).status == 200 and time.monotonic() < end:
            time.sleep(0.1)

    # ---- what a row asks, each time of a thing of its own ----

    def own_jwt(self, caller):
        """A token of the calling user, or of another user where the caller is none."""
        person = self.people.get(caller)
        if person is None or caller == "other-user":
            person = self.user()
        return self.jwt(person["id"])["jwt_id"]

    def consume_body(self, _):
        made = self.action_token()
        return dict(COMMAND, token=made["token"], actor=made["bound_actor"])

    def token_path(self, _):
        return self.service(["VIEW"])["id"]

    def root_path(self, caller):
        """The root token, which root itself would rotate to another secret."""
        return self.root_id if caller != "root" else self.token_path(caller)

    def user_path(self, _):
        return self.user()["id"]


# Each row: the route, and after two blanks what is special; the target made for a cell (what it returns is "{}" in the
# path); the body.
def rows(world):
    def fixed(value):
        return lambda _: value

    nothing = fixed("")
    jwt = world.people["user"]["jwt"]
    return [
        ("POST /action-tokens", nothing, fixed(COMMAND)),
        ("POST /action-tokens/consume", nothing, world.consume_body),
        ("POST /withdrawals", nothing, fixed(COMMAND["withdrawal"])),
        ("POST /withdrawals  no action token", nothing, fixed(COMMAND["withdrawal"])),
        ("POST /conversions  no upstream", nothing, fixed({})),
        ("POST /api/v1/tokens", nothing, fixed({"name": "made"})),
        ("GET /api/v1/tokens", nothing, None),
        ("POST /api/v1/tokens/{}/revoke", world.own_jwt, None),
        ("POST /api/v1/tokens/{}/revoke  another's", lambda _: world.jwt(world.user()["id"])["jwt_id"], None),
        ("GET /api/v1/tokens  other business", nothing, None),
        ("GET /api/v1/tokens  no business", nothing, None),
        ("POST /tokens", nothing, fixed({"name": "made", "permissions": ["VIEW"]})),
        ("GET /tokens", nothing, None),
        ("GET /tokens/{}", world.token_path, None),
        ("DELETE /tokens/{}", world.token_path, None),
        ("POST /tokens/{}/revoke", world.token_path, None),
        ("POST /tokens/{}/revoke  root's", fixed(world.root_id), None),
        ("POST /tokens/{}/rotate", world.token_path, None),
        ("POST /tokens/{}/rotate  root's", world.root_path, None),
        ("POST /admin/v1/tenants", nothing, fixed({"name": "made"})),
        ("GET /admin/v1/tenants", nothing, None),
        ("GET /admin/v1/tenants/{}", fixed(world.tenant), None),
        ("PATCH /admin/v1/tenants/{}", fixed(world.tenant), fixed({"name": "same"})),
        ("POST /admin/v1/tenants/{}/tokens", fixed(world.tenant), fixed({"name": "made", "permissions": ["VIEW"]})),
        ("POST /admin/v1/users", nothing, lambda _: {"email": f"made{time.time_ns()}@example.com",
                                                     "tenants": [world.tenant], "capabilities": []}),
        ("GET /admin/v1/users", nothing, None),
        ("GET /admin/v1/users/{}", world.user_path, None),
        ("PATCH /admin/v1/users/{}", world.user_path, fixed({"disabled": True})),
        ("DELETE /admin/v1/users/{}", world.user_path, None),
        ("POST /admin/v1/users/{}/tokens", world.user_path, fixed({"tenant": world.tenant, "name": "made"})),
        ("POST /admin/v1/revocations", nothing, lambda _: {"user": world.user()["id"]}),
        ("POST /admin/v1/signing-keys", nothing, lambda _: None),
        ("POST /oauth/token", nothing, fixed("grant_type=client_credentials")),
        ("POST /oauth/introspect", nothing, fixed("token=" + jwt)),
        ("POST /oauth/revoke", nothing, fixed("token=unknown")),
        ("GET /.well-known/oauth-authorization-server", nothing, None),
        ("GET /.well-known/jwks.json", nothing, None),
        ("GET /verify", nothing, None),
        ("GET /verify?permission=VIEW", nothing, None),
        ("GET /verify?capability=withdrawal.create", nothing, None),
        ("GET /metrics", nothing, None),
        ("GET /openapi.json", nothing, None),
        ("GET /health/alive", nothing, None),
        ("GET /health/ready", nothing, None),
        ("GET /health/state", nothing, None),
        ("GET /nothing", nothing, None),
        ("PUT /tokens", nothing, None),
    ]


def ask(world, row, caller):
    """The status of one cell."""
    route, target, body = row
    method, path = route.partition("  ")[0].split()
    headers = FORM if path.startswith("/oauth/") else {}
    if route == "POST /withdrawals":
        headers = {"X-Action-Token": world.action_token()["token"]}
    business = world.tenant if path.startswith("/api/v1/") else None
    business = {"other business": world.other, "no business": None}.get(route.partition("  ")[2], business)
    return world.client.request(method, path.format(target(caller)), body(caller) if body else None, headers=headers,
                                business=business, **world.callers[caller]).status


def read_table():
    """({route: {column: status}}, columns) of matrix.txt: a line of columns, then one for each route."""
    table, columns = {}, []
    with open(TABLE, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            route, _, cells = line.partition("|")
            if not columns:
                columns = cells.split()
            else:
                table[route.strip()] = dict(zip(columns, cells.split(), strict=True))
    return table, columns


def compare(suite, world, table, columns):
    routes = rows(world)
    suite.equal("columns", columns, list(world.callers))
    suite.equal("rows", list(table), [row[0] for row in routes])
    for row in routes:
        for caller in columns:
            suite.equal(f"{row[0]} by {caller}", str(ask(world, row, caller)), table[row[0]][caller])


def undone(suite, world):
    """Disabling and suspending can be undone; being deleted, revoked or expired cannot."""
    ok(world.admin("PATCH", f"/tenants/{world.stopped}", {"suspended": False}), 200)
    listed = ok(world.admin("GET", "/users?limit=100"), 200)["data"]
    disabled = next(user for user in listed if user["disabled"] and "admin" in user["capabilities"])
    ok(world.admin("PATCH", f"/users/{disabled['id']}", {"disabled": False}), 200)
    for caller, expected in (("suspended", 200), ("suspended-user", 200), ("disabled", 200), ("deleted", 401),
                             ("revoked", 401), ("revoked-user", 401), ("expired", 401)):
        suite.equal(f"after undoing: {caller}", world.client.get("/verify", **world.callers[caller]).status, expected)


def show(world):
    columns = list(world.callers)
    print("%-46s| %s" % ("route", " ".join(columns)))
    for row in rows(world):
        print("%-46s| %s" % (row[0], " ".join(str(ask(world, row, caller)).ljust(len(caller)) for caller in columns)))


def main():
    suite = Suite()
    with Upstream("", "127.0.0.1") as upstream, Rig(options=UNLIMITED) as rig:
        world = World(rig, upstream.port)
        if "--print" in sys.argv:
            show(world)
            return
        suite.run("matrix", compare, world, *read_table())
        suite.run("undone", undone, world)
    suite.finish()


if __name__ == "__main__":
    main()
