#!/usr/bin/env python3
"""Every sample of the reference documents as it stands there, with only host and secrets changed: curl's under bash, the
JavaScript under Node's fetch, the Python under httpx; and the examples of answers, to the member and the word."""

import base64
import hashlib
import json
import os
import re
import subprocess

import reference
from appliance import Rig, Suite, first_tenant, make_user

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
STATUS = "\n%{http_code}"


class Site:
    """A rig, and how other people's programs are told of it: by their own environment variables."""

    def __init__(self, rig):
        self.rig, self.client, self.basic = rig, rig.client(), rig.basic
        self.url, ca = rig.info["url"], rig.info["ca_file"]
        self.environment = dict(os.environ, CURL_CA_BUNDLE=ca, SSL_CERT_FILE=ca, NODE_EXTRA_CA_CERTS=ca)
        self.tenant = first_tenant(self.client, self.basic)
        self.user, self.jwt = make_user(self.client, self.basic, self.tenant)

    def run(self, command, text=None):
        """Standard output of a program."""
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False,
                              env=self.environment)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def curl(self, command):
        """(status, JSON value) of a curl command in shell language, run as it is."""
        assert command.startswith("curl "), command
        asked = command.replace("curl ", "curl -sS -w '%s' " % STATUS.replace("\n", "\\n"), 1)
        body, _, status = self.run(["bash", "-c", asked]).rpartition("\n")
        return int(status), json.loads(body)


def family_1(site, sample):
    """A family-1 sample with our host and secrets."""
    return (sample.replace("https://api.ondayzero.com", site.url).replace("dz_your_token", site.jwt)
            .replace("YOUR_BUSINESS_ID", site.tenant))


def check_family_1(suite, name, status, answer):
    suite.equal(f"{name}: status", status, 201)
    suite.equal(f"{name}: members", list(answer), ["token", "token_info"])
    info = answer["token_info"]
    suite.equal(f"{name}: members of token_info", sorted(info), sorted(reference.family_1_members()))
    suite.check(f"{name}: token", re.fullmatch(r"dz_[\w-]+\.[\w-]+\.[\w-]+", answer["token"]), answer["token"])
    suite.equal(f"{name}: prefix", info["token_prefix"], answer["token"][:10] + "...")
    suite.equal(f"{name}: name and type", (info["name"], info["token_type"]), ("string", "api"))
    suite.check(f"{name}: times", re.fullmatch(TIME, info["created_at"]) and re.fullmatch(TIME, info["expires_at"]), info)
    suite.equal(f"{name}: empty members", [info[key] for key in
                                           ("description", "last_used_at", "revoked_at", "revocation_reason")], [None] * 4)


def samples_of_family_1(suite, site):
    samples = reference.family_1_samples()
    check_family_1(suite, "curl", *site.curl(family_1(site, samples["bash"])))

    script = family_1(site, samples["javascript"]) + "console.log(JSON.stringify([response.status, data]));\n"
    check_family_1(suite, "fetch", *json.loads(site.run(["node", "--input-type=module", "-"], script)))

    script = family_1(site, samples["python"]) + "import json\nprint(json.dumps([response.status_code, data]))\n"
    check_family_1(suite, "httpx", *json.loads(site.run(["/usr/bin/python3", "-"], script)))


def sample_of_family_2(suite, site):
    command, example = reference.family_2_sample()
    encoded = base64.b64encode(":".join(site.basic).encode()).decode()
    status, answer = site.curl(command.replace("https://{publicHost}", site.url).replace("<encoded-value>", encoded))
    suite.equal("family 2: status", status, 201)
    suite.equal("family 2: members in their order", list(answer), list(example))
    suite.equal("family 2: name and permissions", [answer[key] for key in ("name", "permissions")],
                [example[key] for key in ("name", "permissions")])
    for key, pattern in (("id", "Token:" + UUID), ("clientId", "[0-9a-f]{32}"), ("clientSecret", "[0-9a-f]{36}"),
                         ("createdAt", TIME), ("updatedAt", TIME)):
        suite.check(f"family 2: {key}", re.fullmatch(pattern, answer[key]), answer[key])
        suite.equal(f"family 2: {key} is as long as the example", len(answer[key]), len(example[key]))
    listed = site.client.get("/tokens", basic=(answer["clientId"], answer["clientSecret"]))
    suite.equal("family 2: the new token works", listed.status, 200)


def ask_family_0(site, bearer, body):
    """The document's request by curl."""
    _, (method, path, _) = reference.family_0_examples()
    quoted = body.replace("'", "'\\''")
    return site.curl(f"curl -X {method} '{site.url}{path}' -H 'Authorization: Bearer {bearer}' "
                     f"-H 'Content-Type: application/json' -d '{quoted}'")


def samples_of_family_0(suite, site):
    examples, (_, _, body) = reference.family_0_examples()
    status, answer = ask_family_0(site, site.jwt, body)
    suite.equal("family 0: status", status, 201)
    suite.equal("family 0: members in their order", list(answer), list(examples[201]))
    suite.equal("family 0: actor", answer["bound_actor"], "users/" + site.user["id"])
    canonical = json.dumps(json.loads(body), separators=(",", ":"), sort_keys=True).encode()
    suite.equal("family 0: digest", answer["bound_command_digest"], "sha256:" + hashlib.sha256(canonical).hexdigest())
    suite.check("family 0: expiry", re.fullmatch(TIME, answer["expires_at"]), answer)
    suite.check("family 0: token", re.fullmatch(r"act_tok_[0-9A-Za-z]{36}", answer["token"]), answer)


def refusals_of_family_0(suite, site):
    """The examples of errors: the same status, code and message."""
    examples, (_, _, body) = reference.family_0_examples()
    _, plain = make_user(site.client, site.basic, site.tenant, "plain@example.com", ())
    other = site.client.post("/admin/v1/tenants", {"name": "other"}, basic=site.basic).json["id"]
    _, stopped = make_user(site.client, site.basic, other, "stopped@example.com")
    site.client.request("PATCH", f"/admin/v1/tenants/{other}", {"suspended": True}, basic=site.basic)
    cases = {400: (site.jwt, "{}"), 401: ("dz_nobody", body), 403: (plain, body), 409: (stopped, body),
             422: (site.jwt, '{"action":"no.such","no":{}}')}
    for expected, (bearer, text) in cases.items():
        status, answer = ask_family_0(site, bearer, text)
        suite.equal(f"family 0: {expected}", status, expected)
        for key in ("code", "message"):
            suite.equal(f"family 0: {expected} {key}", answer[key], examples[expected][key])


def main():
    suite = Suite()
    if not reference.present():
        print("the reference documents are not there\n0 passed, 0 failed, 1 skipped")
        raise SystemExit(77)
    with Rig() as rig:
        site = Site(rig)
        for scenario in (samples_of_family_0, refusals_of_family_0, samples_of_family_1, sample_of_family_2):
            suite.run(scenario.__name__, scenario, site)
    suite.finish()


if __name__ == "__main__":
    main()
