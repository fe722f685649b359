#!/usr/bin/env python3
"""The whole product on every machine: boot, one create per family, consume, revoke, cut the power, look again."""

import subprocess

from appliance import Rig, Suite, first_tenant, make_user

COMMAND = {"amount": {"value": "10.00", "currency": "EUR"}, "to": "DE89370400440532013000"}


def create_all(suite, rig):
    """One of each family, one of them consumed, one revoked; what must be true after a power cut."""
    client, basic = rig.client(), rig.basic
    tenant = first_tenant(client, basic)
    user, bearer = make_user(client, basic, tenant)

    platform = client.post("/tokens", {"name": "Operations token", "permissions": ["TRANSACT", "VIEW"]}, basic=basic)
    suite.equal("family 2 create", platform.status, 201)
    suite.equal("family 2 members", list(platform.json), ["id", "clientId", "clientSecret", "name", "permissions",
                                                          "createdAt", "updatedAt"])
    service = (platform.json["clientId"], platform.json["clientSecret"])

    jwt = client.post("/api/v1/tokens", {"name": "string"}, bearer=bearer, business=tenant)
    suite.equal("family 1 create", jwt.status, 201)
    suite.check("dz_ prefix", jwt.json["token"].startswith("dz_"), jwt)

    action = client.post("/action-tokens", {"action": "withdrawal.create", "withdrawal": COMMAND}, bearer=bearer)
    suite.equal("family 0 create", action.status, 201)
    suite.equal("family 0 members", list(action.json), ["bound_actor", "bound_command_digest", "expires_at", "token"])
    suite.equal("bound actor", action.json["bound_actor"], "users/" + user["id"])

    consume = {"token": action.json["token"], "actor": action.json["bound_actor"], "action": "withdrawal.create",
               "withdrawal": COMMAND}
    other = dict(consume, withdrawal=dict(COMMAND, to="somebody else"))
    suite.equal("another command", client.post("/action-tokens/consume", other, basic=service).status, 422)
    suite.equal("consume", client.post("/action-tokens/consume", consume, basic=service).status, 200)
    suite.equal("consume again", client.post("/action-tokens/consume", consume, basic=service).status, 409)

    revoked = client.post("/tokens", {"name": "gone", "permissions": ["VIEW"]}, basic=basic)
    suite.equal("revoke", client.post(f"/tokens/{revoked.json['id']}/revoke", basic=basic).json["status"], "REVOKED")
    client.close()
    return {"tenant": tenant, "bearer": bearer, "service": service, "jwt": jwt.json, "consume": consume,
            "platform": platform.json["id"], "revoked": revoked.json}


def look_again(suite, rig, kept):
    """Everything acknowledged is still true."""
    client, basic = rig.client(), rig.basic
    again = client.post("/action-tokens/consume", kept["consume"], basic=kept["service"])
    suite.equal("consumed stays consumed", (again.status, again.json["code"]), (409, "state_conflict"))
    dead = (kept["revoked"]["clientId"], kept["revoked"]["clientSecret"])
    suite.equal("revoked stays revoked", client.get("/tokens", basic=dead).status, 401)
    suite.equal("active stays active", client.get("/tokens", basic=kept["service"]).status, 200)
    got = client.get(f"/tokens/{kept['platform']}", basic=basic)
    suite.equal("record", (got.status, got.json["name"], got.json["status"]), (200, "Operations token", "ACTIVE"))
    listed = client.get("/api/v1/tokens", bearer=kept["jwt"]["token"], business=kept["tenant"])
    suite.check("list", kept["jwt"]["token_info"]["jti"] in [item["jti"] for item in listed.json["items"]], listed)
    client.close()


def machine(suite, platform, name, disk):
    with Rig(platform, name, disk) as rig:
        first = dict(rig.info)
        kept = create_all(suite, rig)
        rig.kill()
        rig.up()
        suite.equal("certificate stays", rig.info["fingerprint"], first["fingerprint"])
        look_again(suite, rig, kept)
        suite.check("the secret is shown once", "client_secret" not in rig.console(), rig.console())
        rig.down()
        rig.up()
        look_again(suite, rig, kept)


def curl(suite):
    """The system's curl, with the CA file and never -k."""
    with Rig() as rig:
        command = ["curl", "-sS", "--cacert", rig.info["ca_file"], "-u", ":".join(rig.basic), "--json",
                   '{"name":"curl","permissions":["VIEW"]}', "-o", "/dev/null", "-w", "%{http_code} %{http_version}"]
        done = subprocess.run(command + [rig.info["url"] + "/tokens"], capture_output=True, text=True, timeout=30,
                              check=False)
        suite.equal("curl", (done.stdout, done.stderr), ("201 1.1", ""))
        wrong = subprocess.run(["curl", "-sS", rig.info["url"] + "/health/alive"], capture_output=True, text=True,
                               timeout=30, check=False)
        suite.equal("curl without the CA refuses", wrong.returncode, 60)


def small(suite):
    with Rig(memory_mib=24) as rig:
        suite.equal("serves in 24 MiB", rig.client().get("/health/ready").status, 200)


if __name__ == "__main__":
    SUITE = Suite()
    for PLATFORM, MACHINE, DISK in (("qemu", "q35", "pflash"), ("qemu", "pc", "pflash"), ("qemu", "q35", "virtio"),
                                    ("qemu", "pc", "virtio"), ("qemu", "microvm", "virtio"), ("linux", None, None)):
        SUITE.run(f"{PLATFORM} {MACHINE} {DISK}", machine, PLATFORM, MACHINE, DISK)
    SUITE.run("curl", curl)
    SUITE.run("small", small)
    SUITE.finish()
