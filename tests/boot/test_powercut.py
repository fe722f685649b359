#!/usr/bin/env python3
"""Power cuts on the running image: SIGKILL of QEMU at random moments under load, then every promise is checked.

The checker is this file's dictionary of what was acknowledged; it knows nothing of the store. JETON_KILLS sets the
number of cuts a disk (12 in `make test`, 100 for the long run), JETON_SEED the randomness.
"""

import http.client
import os
import random
import threading
import time

from appliance import Rig, Suite, first_tenant, make_user

KILLS = int(os.environ.get("JETON_KILLS", "12"))
SEED = int(os.environ.get("JETON_SEED", "20261122"))
WRITERS = 4
EXPIRY_S = 280  # an action token lives 300 s; what became of an expired one cannot be asked
UNLIMITED = ["--option", "rate_issue=0", "--option", "rate_auth=0"]  # thousands of revoked credentials are tried
CUT_ERRORS = (OSError, http.client.HTTPException)


class Ledger:
    """What was acknowledged. Only the writers add, each under the lock; `doubt` is what was asked when power went."""

    def __init__(self):
        self.lock = threading.Lock()
        self.platform = {}  # id -> "active" | "revoked" | "doubt"
        self.secrets = {}   # id -> (client id, secret)
        self.actions = {}   # token -> [command, "fresh" | "consumed" | "doubt", issued at]
        self.acknowledged = 0
        self.consumed_twice = 0

    def note(self, table, key, value):
        with self.lock:
            table[key] = value
            self.acknowledged += 1


class Writer(threading.Thread):
    """One client: creates, revokes and consumes until its connection breaks."""

    def __init__(self, rig, world, ledger, seed):
        super().__init__(daemon=True)
        self.client = rig.client(timeout_s=10)
        self.rig, self.world, self.ledger = rig, world, ledger
        self.random = random.Random(seed)
        self.wrong = None

    def run(self):
        try:
            while True:
                verb = self.random.choice((self.create, self.create, self.revoke, self.issue, self.issue, self.consume))
                verb()
        except CUT_ERRORS:
            pass
        except Exception as error:  # an answer that no rule allows
            self.wrong = repr(error)

    def create(self):
        reply = self.client.post("/tokens", {"name": "load", "permissions": ["VIEW"]}, basic=self.rig.basic)
        if reply.status == 503:
            return
        assert reply.status == 201, reply
        with self.ledger.lock:
            self.ledger.secrets[reply.json["id"]] = (reply.json["clientId"], reply.json["clientSecret"])
        self.ledger.note(self.ledger.platform, reply.json["id"], "active")

    def revoke(self):
        with self.ledger.lock:
            keys = [key for key, value in self.ledger.platform.items() if value == "active"]
            if not keys:
                return
            key = self.random.choice(keys)
            self.ledger.platform[key] = "doubt"
        reply = self.client.post(f"/tokens/{key}/revoke", basic=self.rig.basic)
        assert reply.status == 200, reply
        self.ledger.note(self.ledger.platform, key, "revoked")

    def issue(self):
        command = {"amount": {"value": str(self.random.randrange(1, 10**6)), "currency": "EUR"}}
        reply = self.client.post("/action-tokens", {"action": "withdrawal.create", "withdrawal": command},
                                 bearer=self.world["bearer"])
        if reply.status == 503:
            return
        assert reply.status == 201, reply
        self.ledger.note(self.ledger.actions, reply.json["token"], [command, "fresh", time.monotonic()])

    def consume(self):
        with self.ledger.lock:
            keys = [key for key, value in self.ledger.actions.items() if value[1] == "fresh" and time.monotonic() - value[2] < EXPIRY_S]
            if not keys:
                return
            key = self.random.choice(keys)
            command = self.ledger.actions[key][0]
            self.ledger.actions[key][1] = "doubt"
        reply = consume(self.client, self.rig, self.world, key, command)
        assert reply.status == 200, reply
        with self.ledger.lock:
            self.ledger.actions[key][1] = "consumed"
            self.ledger.acknowledged += 1


def consume(client, rig, world, token, command):
    body = {"token": token, "actor": world["actor"], "action": "withdrawal.create", "withdrawal": command}
    return client.post("/action-tokens/consume", body, basic=rig.basic)


def load_until_cut(suite, rig, world, ledger, rng):
    writers = [Writer(rig, world, ledger, rng.random()) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(rng.uniform(0.05, 0.8))
    rig.kill()
    for writer in writers:
        writer.join(30)
        suite.check("answers while loaded", writer.wrong is None, writer.wrong)


def check_platform(client, ledger, key, expected):
    """What the appliance says of a family-2 token against the ledger: a sentence, or None."""
    status = client.get("/tokens?limit=1", basic=ledger.secrets[key]).status
    if expected == "active" and status != 200:
        return f"lost: {key} answers {status}"
    if expected == "revoked" and status != 401:
        return f"resurrected: {key} answers {status}"
    if expected == "doubt":
        ledger.platform[key] = "active" if status == 200 else "revoked"
    return None


def check_action(client, rig, world, ledger, token):
    command, expected, issued = ledger.actions[token]
    if time.monotonic() - issued > EXPIRY_S:
        return None
    status = consume(client, rig, world, token, command).status
    if expected == "consumed" and status == 200:
        ledger.consumed_twice += 1
    if expected == "consumed" and status != 409:
        return f"consumed twice: {token[:16]}... answers {status}"
    if expected == "doubt":
        if status not in (200, 409):
            return f"lost: {token[:16]}... answers {status}"
        ledger.actions[token][1] = "consumed"
    return None


def check_all(suite, rig, world, ledger, rng, sample):
    client = rig.client()
    platform = list(ledger.platform.items())
    actions = [token for token, value in ledger.actions.items() if value[1] != "fresh"]
    for key, expected in platform if sample is None else rng.sample(platform, min(sample, len(platform))):
        wrong = check_platform(client, ledger, key, expected)
        suite.check("family 2 after the cut", wrong is None, wrong)
    for token in actions if sample is None else rng.sample(actions, min(sample, len(actions))):
        wrong = check_action(client, rig, world, ledger, token)
        suite.check("family 0 after the cut", wrong is None, wrong)
    fresh = [token for token, value in ledger.actions.items() if value[1] == "fresh"][-3:]
    for token in fresh:
        reply = consume(client, rig, world, token, ledger.actions[token][0])
        suite.check("an issued token works after the cut", reply.status == 200, reply)
        ledger.actions[token][1] = "consumed"
    client.close()


def cuts(suite, machine, disk):
    rng = random.Random(SEED)
    ledger = Ledger()
    with Rig("qemu", machine, disk, options=UNLIMITED) as rig:
        client = rig.client()
        tenant = first_tenant(client, rig.basic)
        user, bearer = make_user(client, rig.basic, tenant)
        world = {"actor": "users/" + user["id"], "bearer": bearer}
        client.close()
        for _ in range(KILLS):
            load_until_cut(suite, rig, world, ledger, rng)
            rig.up()
            check_all(suite, rig, world, ledger, rng, 30)
        check_all(suite, rig, world, ledger, rng, None)
    print(f"{machine} {disk}: {KILLS} cuts, {ledger.acknowledged} acknowledged writes, "
          f"{ledger.consumed_twice} consumed twice")


if __name__ == "__main__":
    SUITE = Suite()
    SUITE.run("pflash", cuts, "q35", "pflash")
    SUITE.run("virtio-blk", cuts, "microvm", "virtio")
    SUITE.finish()
