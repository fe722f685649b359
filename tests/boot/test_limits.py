#!/usr/bin/env python3
"""Rate limits of a booted appliance: a guesser's address has to wait, in every dialect, while others are served.

The Linux rig has two client addresses on its TAP. Needs root; without it only the QEMU part runs.
"""
import os
import socket
import subprocess
import sys
import time

from appliance import Connection, Rig, Suite, make_user, within

NEIGHBOUR = "10.77.0.3"
FAILURES = 300  # of one address at once, unless the boot option says otherwise
COMMAND = {"action": "withdrawal.create", "withdrawal": {"amount": {"value": "1.00", "currency": "EUR"}}}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class BoundConnection(Connection):
    """From one of our addresses."""

    source = ""

    def connect(self):
        plain = within(self.namespace, socket.create_connection, self.address, self.timeout, (self.source, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.address[0])


def client_from(rig, source):
    client = rig.client()
    client.connection = BoundConnection(client.address, client.namespace, client.context, client.timeout_s)
    client.connection.source = source
    return client


def guess_until_limited(suite, client, rig, tries):
    """How many wrong secrets were looked at; the first answer that is another."""
    for count in range(tries + 1):
        reply = client.get("/tokens", basic=(rig.basic[0], f"{count:036x}"))
        if reply.status != 401:
            return count, reply
    suite.check("guessing ends", False, f"{tries} guesses")
    return tries, reply


def dialects(suite, client, rig):
    wrong = (rig.basic[0], "0" * 36)
    action = client.post("/action-tokens", COMMAND, basic=wrong)
    suite.equal("family 0", (action.status, action.json["code"], action.json["message"]),
                (429, "rate_limited", "Too many requests."))
    suite.check("retry_after_ms", 0 < action.json["details"]["retry_after_ms"] <= 64000, action)
    jwt = client.get("/api/v1/tokens", bearer="dz_x", business=rig.info["tenant"])
    suite.equal("family 1", (jwt.status, jwt.json), (429, {"detail": "Too Many Requests"}))
    platform = client.get("/tokens", basic=wrong)
    suite.equal("family 2", (platform.status, platform.json),
                (429, {"status": 429, "code": "RATE_LIMITED", "message": "Too many requests."}))
    oauth = client.post("/oauth/token", "grant_type=client_credentials", basic=wrong, headers=FORM)
    suite.equal("oauth", (oauth.status, oauth.json["error"]), (429, "temporarily_unavailable"))
    for name, reply in (("family 0", action), ("family 1", jwt), ("family 2", platform), ("oauth", oauth)):
        suite.check(f"{name}: Retry-After", 1 <= int(reply.headers["Retry-After"]) <= 64, reply.headers)


def two_addresses(suite):
    with Rig("linux") as rig:
        done = subprocess.run(["ip", "-n", rig.namespace, "addr", "add", NEIGHBOUR + "/24", "dev", "jeton0"],
                              capture_output=True, text=True, check=False)
        suite.equal("second address", (done.returncode, done.stderr), (0, ""))
        guesser, neighbour = rig.client(), client_from(rig, NEIGHBOUR)
        user, _ = make_user(neighbour, rig.basic, rig.info["tenant"])
        fresh = neighbour.post("/tokens", {"name": "unused", "permissions": ["VIEW"]}, basic=rig.basic).json
        fresh = (fresh["clientId"], fresh["clientSecret"])
        count, reply = guess_until_limited(suite, guesser, rig, FAILURES + 100)
        suite.check("guesses before the wait", FAILURES < count <= FAILURES + 60, count)
        suite.equal("then", reply.status, 429)
        for _ in range(3):  # wait, guess again: each wait is twice as long
            time.sleep(int(reply.headers["Retry-After"]) + 0.1)
            _, reply = guess_until_limited(suite, guesser, rig, 10)
        suite.equal("the fourth wait", reply.headers["Retry-After"], "8")
        dialects(suite, guesser, rig)
        suite.equal("a first use from that address waits", guesser.get("/tokens", basic=fresh).status, 429)
        suite.equal("a known credential goes on", guesser.get("/tokens", basic=rig.basic).status, 200)
        suite.equal("no credential", guesser.get("/tokens").status, 401)
        suite.equal("/verify", guesser.get("/verify", basic=fresh).status, 200)
        suite.equal("the neighbour", neighbour.get("/tokens", basic=fresh).status, 200)
        suite.equal("its wrong ones too", neighbour.get("/tokens", basic=(fresh[0], "0" * 36)).status, 401)
        suite.equal("and now it is known", guesser.get("/tokens", basic=fresh).status, 200)
        suite.equal("user", neighbour.get("/admin/v1/users/" + user["id"], basic=rig.basic).status, 200)
        metrics = neighbour.get("/metrics", basic=rig.basic).text
        suite.check("metrics", "\njeton_rate_blocked_addresses 1\n" in metrics, metrics[-1500:])


def options(suite):
    """On the image; every address is one under QEMU's user network."""
    words = ["--option", "rate_issue=2", "--option", "rate_auth=20", "--option", "rate_tenant=lots"]
    with Rig("qemu", options=words) as rig:
        suite.check("a bad option is told", "boot option rate_tenant is no number" in rig.console(), rig.console())
        client = rig.client()
        statuses = [client.post("/tokens", {"name": "n", "permissions": ["VIEW"]}, basic=rig.basic).status
                    for _ in range(30)]
        suite.equal("creates", statuses[:20], [201] * 20)
        suite.check("then they wait", 429 in statuses, statuses)
        suite.equal("reading goes on", client.get("/tokens", basic=rig.basic).status, 200)
        count, reply = guess_until_limited(suite, client, rig, 60)
        suite.check("guesses before the wait", 20 < count <= 30, count)
        suite.equal("Retry-After", reply.headers["Retry-After"], "1")
        time.sleep(1.1)
        suite.equal("and is looked at again", client.get("/tokens", basic=(rig.basic[0], "0" * 36)).status, 401)


def main():
    suite = Suite()
    suite.run("options", options)
    if os.geteuid() == 0:
        suite.run("two addresses", two_addresses)
    else:
        suite.skipped += 1
    suite.finish()


if __name__ == "__main__":
    sys.exit(main())
