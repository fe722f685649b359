#!/usr/bin/env python3
"""Standard OAuth clients against an appliance that signs by ES256: openid-client and jose under Node, Debian's PyJWT
offline, promtool on /metrics, and an off-the-shelf linter on /openapi.json."""

import json
import os
import subprocess

from appliance import ROOT, Rig, Suite, first_tenant, make_user

CLIENTS = os.path.join(ROOT, "tests", "clients")
INSTALLED = os.path.join(ROOT, "build", "clients")
HOST_NAME = "tokens.example.com"
ISSUER = "https://" + HOST_NAME


def run(command, text=None, environment=None, folder=None, codes=(0,)):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False, cwd=folder,
                          env=dict(os.environ, **(environment or {})))
    if done.returncode not in codes:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done


def credential(client, basic, permissions):
    made = client.post("/tokens", {"name": "client", "permissions": permissions}, basic=basic)
    assert made.status == 201, made
    return made.json["clientId"], made.json["clientSecret"]


def use_openid_client(rig, service, revocable, jwt):
    """What tests/clients/oauth.mjs saw."""
    given = {"issuer": ISSUER, "url": rig.info["url"], "clientId": service[0], "clientSecret": service[1], "jwt": jwt,
             "revocable": {"clientId": revocable[0], "clientSecret": revocable[1]}}
    with open(os.path.join(CLIENTS, "oauth.mjs"), encoding="utf-8") as script:
        done = run(["node", "--input-type=module", "-"], script.read(), folder=INSTALLED,
                   environment={"JETON": json.dumps(given), "NODE_EXTRA_CA_CERTS": rig.info["ca_file"]})
    return json.loads(done.stdout)


def openid_client(suite, rig, tenant, user, jwt):
    """Discovery (RFC 8414), client credentials, introspection, revocation, and verifying by the JWKS."""
    client = rig.client()
    service, revocable = (credential(client, rig.basic, ["VIEW", "TRANSACT"]) for _ in range(2))
    seen = use_openid_client(rig, service, revocable, jwt)
    suite.equal("issuer", seen["metadata"]["issuer"], ISSUER)
    suite.equal("grant", seen["granted"]["token_type"].lower(), "bearer")
    suite.check("life", 0 < seen["granted"]["expires_in"] <= 3600, seen["granted"])
    for name in ("access", "postedAccess"):
        header, claims = seen[name]["protectedHeader"], seen[name]["payload"]
        suite.equal(f"{name}: header", (header["alg"], header["typ"]), ("ES256", "at+jwt"))
        suite.equal(f"{name}: client and scope", (claims["client_id"], claims["scope"]), (service[0], "VIEW TRANSACT"))
        suite.equal(f"{name}: RFC 9068 claims", {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} - set(claims), set())
    suite.equal("dz_ token", [seen["api"]["payload"][key] for key in ("sub", "business_id", "type")],
                ["users/" + user["id"], tenant, "api"])
    suite.equal("introspected", [seen["introspected"][key] for key in ("active", "client_id", "sub", "exp")],
                [True] + [seen["access"]["payload"][key] for key in ("client_id", "sub", "exp")])
    suite.equal("introspected dz_", [seen["introspectedJwt"][key] for key in ("active", "jti", "username")],
                [True, seen["api"]["payload"]["jti"], user["email"]])
    suite.equal("unknown", seen["unknown"], {"active": False})
    suite.equal("access token revoked", (seen["before"]["active"], seen["cut"]), (True, {"active": False}))
    suite.equal("client revoked", (seen["beforeLast"]["active"], seen["after"]), (True, {"active": False}))
    suite.equal("refusals", seen["refusals"], {
        "revokedClient": "OAUTH_WWW_AUTHENTICATE_CHALLENGE",
        "tampered": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "typ": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "issuer": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "secret": "OAUTH_WWW_AUTHENTICATE_CHALLENGE", "grant": "unsupported_grant_type"})


def pyjwt(suite, rig, tenant, user, jwt):
    """Offline verification with nothing but the key set."""
    client = rig.client()
    access = client.post("/oauth/token", {"grant_type": "client_credentials"}, basic=rig.basic)
    jwks = client.get("/.well-known/jwks.json")
    suite.equal("key set", (jwks.status, jwks.headers["Content-Type"]), (200, "application/jwk-set+json"))
    given = {"jwks": json.loads(jwks.text), "issuer": ISSUER, "jwt": jwt, "audience": ISSUER,
             "access_token": access.json["access_token"]}
    seen = json.loads(run([os.path.join(CLIENTS, "offline.py")], json.dumps(given)).stdout)
    suite.equal("header", sorted(seen["header"]), ["alg", "kid", "typ"])
    suite.equal("claims", sorted(seen["claims"]),
                ["business_id", "exp", "iat", "iss", "jti", "nbf", "sub", "type"])
    suite.equal("who", (seen["claims"]["sub"], seen["claims"]["business_id"]), ("users/" + user["id"], tenant))
    suite.equal("access token's type", seen["access_header"]["typ"], "at+jwt")
    suite.equal("forgeries", seen["failures"], {
        "payload": "InvalidSignatureError", "signature": "InvalidSignatureError", "none": "InvalidAlgorithmError",
        "issuer": "InvalidIssuerError", "audience": "InvalidAudienceError"})


def rotation(suite, rig, tenant, jwt):
    """After a change of keys, the key set has both; what the old one signed is still good everywhere."""
    client = rig.client()
    before = client.get("/.well-known/jwks.json").json["keys"]
    made = client.post("/admin/v1/signing-keys", basic=rig.basic)
    suite.equal("new key", (made.status, made.json["alg"]), (201, "ES256"))
    after = client.get("/.well-known/jwks.json").json["keys"]
    suite.equal("keys", sorted(key["kid"] for key in after), sorted([key["kid"] for key in before] + [made.json["kid"]]))
    suite.check("old keys are as they were", all(key in after for key in before), after)
    third = client.post("/api/v1/tokens", {"name": "third"}, bearer=jwt, business=tenant)
    access = client.post("/oauth/token", {"grant_type": "client_credentials"}, basic=rig.basic).json["access_token"]
    given = {"jwks": {"keys": after}, "issuer": ISSUER, "audience": ISSUER, "access_token": access}
    kids = [json.loads(run([os.path.join(CLIENTS, "offline.py")], json.dumps(dict(given, jwt=token))).stdout)["header"]["kid"]
            for token in (jwt, third.json["token"])]
    suite.equal("keys of an old and a new token", kids, [before[0]["kid"], made.json["kid"]])


def promtool(suite, rig):
    metrics = rig.client().get("/metrics", basic=rig.basic)
    suite.equal("metrics", metrics.status, 200)
    done = run(["promtool", "check", "metrics"], metrics.text, codes=(0, 1, 3))
    suite.equal("promtool", (done.returncode, done.stdout + done.stderr), (0, ""))


def linter(suite, rig):
    """The text as it is served has no error and no warning under redocly's recommended rules."""
    path = os.path.join(rig.directory, "openapi.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(rig.client().get("/openapi.json").text)
    done = run([os.path.join(INSTALLED, "node_modules", ".bin", "redocly"), "lint", "--format=json", path],
               environment={"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}, codes=(0, 1),
               folder=rig.directory)
    found = json.loads(done.stdout[done.stdout.index("{"):done.stdout.rindex("}") + 1])
    suite.equal("linter", (done.returncode, found["totals"]["errors"], found["totals"]["warnings"]), (0, 0, 0))


def change_of_algorithm(suite):
    """HS256 has an empty key set; ES256 from the next boot on, and what was signed before stays good."""
    with Rig(options=["--option", "hostname=" + HOST_NAME]) as rig:
        client = rig.client()
        suite.equal("HS256: no keys", client.get("/.well-known/jwks.json").text, '{"keys":[]}')
        tenant = first_tenant(client, rig.basic)
        user, old = make_user(client, rig.basic, tenant)
        rig.down()
        rig.arguments += ["--option", "jwt=ES256"]
        rig.up()
        client = rig.client()
        listed = client.get("/api/v1/tokens", bearer=old, business=tenant)
        suite.equal("signed by HS256", listed.status, 200)
        made = client.post("/api/v1/tokens", {"name": "second"}, bearer=old, business=tenant)
        suite.equal("signed by ES256", made.status, 201)
        suite.run("openid-client and jose", openid_client, rig, tenant, user, made.json["token"])
        suite.run("PyJWT", pyjwt, rig, tenant, user, made.json["token"])
        suite.run("rotation", rotation, rig, tenant, made.json["token"])
        suite.run("promtool", promtool, rig)
        suite.run("linter", linter, rig)


if __name__ == "__main__":
    SUITE = Suite()
    SUITE.run("change of algorithm", change_of_algorithm)
    SUITE.finish()
