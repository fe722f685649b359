#!/usr/bin/env python3
"""Requests right after a power cut, while a boot has most tokens unread on its flash: after each boot another kind of
request comes first, and every answer is what a dictionary says it must be.

The Linux rig needs root; without it only the QEMU part runs.
"""
import concurrent.futures
import os
import threading

from appliance import Rig, Suite, first_tenant, make_user

OPTIONS = ("--option", "rate_issue=0", "--option", "rate_tenant=0", "--option", "rate_auth=0")
ACTION = {"action": "withdrawal.create", "withdrawal": {"amount": {"value": "1.00", "currency": "EUR"}}}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
USERS = 40
FILLERS_AT_ONCE = 8


class World:
    """The rig, and what must be true of it."""

    def __init__(self, suite, rig, count):
        self.suite, self.rig, self.client = suite, rig, rig.client()
        self.tenant = first_tenant(self.client, rig.basic)
        self.services = self.fill(count)  # {"id", "basics": those that work, "dead": those that don't}
        self.users = [self.new_user(number) for number in range(USERS)]
        self.actions = [self.new_action(self.users[0]) for _ in range(40)]
        self.consumer = self.new_service("consumer", ["TRANSACT", "VIEW"])
        self.keyed = self.post("/tokens", {"name": "keyed", "permissions": ["VIEW"]}, headers={"Idempotency-Key": "k"})
        self.next = 0
        self.listed = self.list_ids()

    def equal(self, name, got, expected):
        self.suite.equal(name, got, expected)

    def post(self, path, body=None, status=201, client=None, **more):
        if "bearer" not in more:
            more.setdefault("basic", self.rig.basic)
        reply = (client or self.client).post(path, body, **more)
        self.equal(path, reply.status, status)
        return reply.json

    # ---- before the first cut ----

    def new_service(self, name, permissions, client=None):
        made = self.post("/tokens", {"name": name, "permissions": permissions}, client=client)
        return {"id": made["id"], "basics": [(made["clientId"], made["clientSecret"])], "dead": []}

    def fill(self, count):
        local = threading.local()

        def one(number):
            if not hasattr(local, "client"):
                local.client = self.rig.client()
            return self.new_service(f"service {number}", ["VIEW"], local.client)
        with concurrent.futures.ThreadPoolExecutor(FILLERS_AT_ONCE) as pool:
            return list(pool.map(one, range(count)))

    def new_user(self, number):
        user, token = make_user(self.client, self.rig.basic, self.tenant, f"u{number}@example.com")
        return {"id": user["id"], "tokens": [token], "dead": []}

    def new_action(self, user):
        return self.post("/action-tokens", ACTION, bearer=user["tokens"][0])["token"]

    # ---- one of each kind; `self.next` moves on, so that none is asked for twice ----

    def take(self, things):
        """Spread over all of them, so that they are of many frames."""
        self.next += 1
        return things[self.next * 7919 % len(things)]

    def status_of(self, **who):
        return self.client.get("/verify", **who).status

    def verify(self):
        for service in (self.take(self.services), self.take(self.services)):
            for basics, status in ((service["basics"], 200), (service["dead"], 401)):
                self.equal("verify", [self.status_of(basic=basic) for basic in basics], [status] * len(basics))
        user = self.take(self.users)
        self.equal("verify a JWT", [self.status_of(bearer=token) for token in user["tokens"]], [200] * len(user["tokens"]))
        self.equal("verify a dead JWT", [self.status_of(bearer=token) for token in user["dead"]], [401] * len(user["dead"]))

    def introspect(self):
        service, user = self.take(self.services), self.take(self.users)
        alive = [":".join(basic) for basic in service["basics"]] + user["tokens"] + self.actions[:1]
        dead = [":".join(basic) for basic in service["dead"]] + user["dead"] + ["act_tok_x"]
        for tokens, active in ((alive, True), (dead, False)):
            for token in tokens:
                found = self.post("/oauth/introspect", f"token={token}", 200, headers=FORM)
                self.equal("introspect", found["active"], active)

    def revoke(self):
        service = self.take([one for one in self.services if one["basics"]])
        made = self.post(f"/tokens/{service['id']}/revoke", status=200)
        self.equal("revoked", (made["id"], made["status"]), (service["id"], "REVOKED"))
        service["dead"] += service["basics"]
        service["basics"] = []

    def consume(self):
        action = self.actions.pop()
        body = dict(ACTION, token=action, actor=f"users/{self.users[0]['id']}")
        consumer = self.consumer["basics"][0]
        self.post("/action-tokens/consume", body, 200, basic=consumer)
        self.post("/action-tokens/consume", body, 409, basic=consumer)

    def rotate(self):
        service = self.take([one for one in self.services if len(one["basics"]) == 1])
        made = self.post(f"/tokens/{service['id']}/rotate", {"overlapSeconds": 3600}, 200)
        service["basics"].append((made["clientId"], made["clientSecret"]))

    def delete_user(self):
        user = self.users.pop()
        self.equal("delete", self.client.request("DELETE", f"/admin/v1/users/{user['id']}", basic=self.rig.basic).status, 204)
        self.equal("their token", [self.status_of(bearer=token) for token in user["tokens"]], [401] * len(user["tokens"]))

    def patch(self):
        user = self.users[1]
        for disabled, status in ((True, 401), (False, 200)):
            changed = self.client.request("PATCH", f"/admin/v1/users/{user['id']}", {"disabled": disabled},
                                          basic=self.rig.basic)
            self.equal("patch", (changed.status, changed.json["disabled"]), (200, disabled))
            self.equal("patched", self.status_of(bearer=user["tokens"][0]), status)

    def create(self):
        """Up to the most that a user may have, all of which must be counted."""
        user = self.take(self.users[2:-12])
        path = f"/admin/v1/users/{user['id']}/tokens"
        while len(user["tokens"]) < 10:
            user["tokens"].append(self.post(path, {"tenant": self.tenant, "name": "more"})["token"])
        self.post(path, {"tenant": self.tenant, "name": "too many"}, 409)

    def repeat(self):
        again = self.post("/tokens", {"name": "keyed", "permissions": ["VIEW"]}, headers={"Idempotency-Key": "k"})
        self.equal("the same answer", again, self.keyed)

    def revoke_many(self):
        user = self.take(self.users[2:-12])
        done = self.post("/admin/v1/revocations", {"user": user["id"], "family": 1}, 200)
        self.equal("revoked many", done["revoked"], len(user["tokens"]))
        user["dead"] += user["tokens"]
        user["tokens"] = []

    def list_ids(self):
        ids, cursor = [], ""
        while True:
            page = self.client.get(f"/tokens?limit=100&cursor={cursor}", basic=self.rig.basic).json
            ids += [one["id"] for one in page["data"]]
            cursor = page["nextCursor"]
            if not page["hasMore"]:
                self.equal("all are counted", page["totalCount"], len(ids))
                return ids

    def list(self):
        ids = self.list_ids()
        self.equal("the list", sorted(ids), sorted(self.listed))

    KINDS = (verify, introspect, revoke, consume, rotate, delete_user, patch, create, repeat, revoke_many, list)

    # ---- rounds ----

    def reboot(self):
        self.client.close()
        self.rig.kill()
        self.rig.up()
        self.client = self.rig.client()

    def go_round(self, first):
        """All kinds, the first-th first; what the list must hold after the next boot is asked for at the end."""
        self.reboot()
        for number in range(len(self.KINDS)):
            kind = self.KINDS[(first + number) % len(self.KINDS)]
            self.listed = self.list_ids() if kind is World.list and number > 0 else self.listed
            kind(self)
        self.listed = self.list_ids()

    def check_all(self):
        for service in self.services:
            got = [self.status_of(basic=basic) for basic in service["basics"] + service["dead"]]
            self.equal(service["id"], got, [200] * len(service["basics"]) + [401] * len(service["dead"]))
        for user in self.users:
            got = [self.status_of(bearer=token) for token in user["tokens"] + user["dead"]]
            self.equal(user["id"], got, [200] * len(user["tokens"]) + [401] * len(user["dead"]))


def at_once(suite, platform, count):
    with Rig(platform, options=OPTIONS) as rig:
        world = World(suite, rig, count)
        for first in range(len(World.KINDS)):
            world.go_round(first)
        world.reboot()
        world.check_all()


if __name__ == "__main__":
    SUITE = Suite()
    SUITE.run("qemu", at_once, "qemu", 1500)
    if os.geteuid() == 0:
        SUITE.run("linux", at_once, "linux", 4000)
    else:
        SUITE.skipped += 1
    SUITE.finish()
