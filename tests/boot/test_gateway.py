#!/usr/bin/env python3
"""The command gateway: commands relayed to an upstream over HTTP and HTTPS, action tokens consumed once whatever upstream
does, repeats under an Idempotency-Key answered from the record, also after the power went."""

import concurrent.futures
import json
import ssl
import tempfile
import threading
import time

from appliance import Rig, Suite, first_tenant, make_user
from upstream import BIG, Authority, Names, Upstream

HOST = "10.77.0.1"
BODY = {"amount": {"currency": "EUR", "value": "10.50"}, "to": "DE02"}


class Gateway:
    """A rig with a tenant's policy, a user and a service, ready to submit."""

    def __init__(self, rig):
        self.rig = rig
        self.client = rig.client()
        self.tenant = first_tenant(self.client, rig.basic)
        self.user, self.bearer = make_user(self.client, rig.basic, self.tenant,
                                           capabilities=("withdrawal.create", "conversion.create"))

    def policy(self, upstream, ca=None, limits=None, action="withdrawal.create"):
        rules = {"upstream": upstream} if upstream else {}
        if ca:
            rules["upstream_ca"] = ca
        if limits:
            rules["limits"] = limits
        answer = self.client.request("PATCH", f"/admin/v1/tenants/{self.tenant}", {"policy": {"actions": {action: rules}}},
                                     basic=self.rig.basic)
        assert answer.status == 200, answer

    def token(self, body=None, member="withdrawal"):
        answer = self.client.post("/action-tokens", {"action": member + ".create", member: BODY if body is None else body},
                                  bearer=self.bearer)
        assert answer.status == 201, answer
        return answer.json["token"]

    def submit(self, body=None, token=None, key=None, client=None, path="/withdrawals", **more):
        """As the user with a fresh token, unless told otherwise."""
        headers = dict(more.pop("headers", {}))
        if "basic" not in more and token != "":
            headers["X-Action-Token"] = token or self.token(body if isinstance(body, dict) else None)
        if key:
            headers["Idempotency-Key"] = key
        if "basic" not in more:
            more.setdefault("bearer", self.bearer)
        return (client or self.client).post(path, BODY if body is None else body, headers=headers, **more)


def reason(answer):
    return answer.status, (answer.json or {}).get("code"), ((answer.json or {}).get("details") or {}).get("reason")


UNKNOWN = (502, "upstream_error", "outcome_unknown")
NOT_SENT = (502, "upstream_error", "not_sent")
SPENT = (409, "state_conflict", None)


def relayed(suite, gateway, upstream):
    base = f"http://{HOST}:{upstream.port}"
    expected = {
        "ok": (200, '{"ok":true}', "application/json"),
        "created": (201, '{"id":"w-1"}', "application/vnd.bank+json; charset=utf-8"),
        "nothing": (204, "", None),
        "text": (200, "done", "text/plain"),
        "bare": (200, "done", None),
        "refused": (422, '{"error":"insufficient funds"}', "application/json"),
        "missing": (404, '{"error":"no account"}', "application/json"),
        "teapot": (418, "", None),
        "interim": (200, "{}", "application/json"),
        "chunked": (200, '{"a":1}', "application/json"),
        "pieces": (200, '{"ok":true}', "application/json"),
        "to-end": (200, "until the end", "text/plain"),
        "big": (200, "x" * BIG, "text/plain"),
        "more": (200, "{}", "application/json"),
        "closing": (200, "{}", "application/json"),
    }
    for name, answer in expected.items():
        gateway.policy(f"{base}/{name}")
        for caller in ({}, {"basic": gateway.rig.basic}):
            got = gateway.submit(**caller)
            suite.equal(f"relayed {name}", (got.status, got.text, got.headers.get("Content-Type")), answer)
            suite.check(f"our headers at {name}", got.headers.get("X-Request-Id") and
                        got.headers.get("Cache-Control") == "no-store", got.headers.items())


def failures(suite, gateway, upstream):
    """Each is told, and has consumed the token."""
    base = f"http://{HOST}:{upstream.port}"
    expected = {
        "denied": (502, "upstream_error", "upstream_status_401"),
        "moved": (502, "upstream_error", "upstream_status_302"),
        "failed": (502, "upstream_error", "upstream_status_500"),
        "busy": (502, "upstream_error", "upstream_status_503"),
        "too-big": UNKNOWN, "too-big-to-end": UNKNOWN, "garbage": UNKNOWN, "both": UNKNOWN, "midway": UNKNOWN,
        "silent-end": UNKNOWN,
    }
    for name, answer in expected.items():
        gateway.policy(f"{base}/{name}")
        token = gateway.token()
        before = len(upstream.requests)
        suite.equal(f"failure {name}", reason(gateway.submit(token=token)), answer)
        suite.equal(f"token after {name}", reason(gateway.submit(token=token)), SPENT)
        suite.equal(f"sent once at {name}", len(upstream.requests) - before, 1)
        suite.equal(f"exempt at {name}", reason(gateway.submit(basic=gateway.rig.basic)), answer)
    for name, url in (("refused connection", f"http://{HOST}:1/ok"), ("no such name", "http://nowhere.test/ok")):
        gateway.policy(url)
        token = gateway.token()
        suite.equal(name, reason(gateway.submit(token=token)), NOT_SENT)
        suite.equal(f"token after {name}", reason(gateway.submit(token=token)), SPENT)


def time_outs(suite, gateway, upstream):
    """All at the same time, each on a connection of its own."""
    base = f"http://{HOST}:{upstream.port}"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        probe = gateway.rig.client(30)
        futures = []
        for url, *bounds in ((f"{base}/slow", 9.5, 14, UNKNOWN), (f"{base}/drip", 9.5, 14, UNKNOWN),
                             ("http://10.77.0.99/ok", 2.5, 8, NOT_SENT)):
            gateway.policy(url)
            token = gateway.token()
            sent = len(upstream.requests)

            def run(url=url, token=token):
                client = gateway.rig.client(30)
                begin = time.monotonic()
                got = reason(gateway.submit(token=token, client=client))
                client.close()
                return url, got, time.monotonic() - begin
            futures.append((pool.submit(run), bounds))
            end = time.monotonic() + 2
            while len(upstream.requests) == sent and time.monotonic() < end:
                time.sleep(0.01)
        suite.equal("alive meanwhile", probe.get("/health/alive").status, 200)
        for future, (lowest_s, highest_s, answer) in futures:
            url, got, took = future.result()
            suite.check(f"time-out {url}", got == answer and lowest_s <= took <= highest_s, (got, took))
        probe.close()


def what_upstream_gets(suite, gateway, upstream):
    gateway.policy(f"http://{HOST}:{upstream.port}/v1/pay%20out/created")
    text = '{ "to":"\\u20ac", "amount" : {"value":1.50e1,"currency":"EUR"} }'
    token = gateway.token(json.loads(text))
    answer = gateway.submit(text, token=token, key="what-1", headers={"X-Request-Id": "request-7"})
    suite.equal("created", (answer.status, answer.headers.get("X-Request-Id")), (201, "request-7"))
    got = upstream.requests[-1]
    suite.equal("line", got.line, "POST /v1/pay%20out/created HTTP/1.1")
    suite.equal("the body to the byte", got.body, text.encode())
    wanted = {"host": f"{HOST}:{upstream.port}", "content-type": "application/json", "content-length": str(len(text)),
              "x-request-id": "request-7", "idempotency-key": "what-1", "x-auth-principal": gateway.user["principal"],
              "x-auth-tenant": gateway.tenant}
    token_id = got.headers.pop("x-action-token-id", "")
    suite.equal("headers", got.headers, wanted)
    suite.equal("token's id", len(token_id), 36)
    gateway.policy(f"http://{HOST}:{upstream.port}")
    gateway.submit(basic=gateway.rig.basic)
    suite.equal("a URL without path", upstream.requests[-1].line, "POST /withdrawals HTTP/1.1")
    suite.check("a service", upstream.requests[-1].headers["x-auth-principal"].startswith("service-accounts/") and
                "x-action-token-id" not in upstream.requests[-1].headers, upstream.requests[-1].headers)
    gateway.policy(f"http://{HOST}:{upstream.port}/ok", action="conversion.create")
    conversion = gateway.submit(path="/conversions", token=gateway.token(member="conversion"))
    suite.equal("a conversion", conversion.status, 200)
    suite.equal("its neighbour has no upstream", reason(gateway.submit()), (404, "not_found", None))


def refusals(suite, gateway, upstream):
    """Nothing of these goes upstream, and none consumes the token that was good."""
    gateway.policy(f"http://{HOST}:{upstream.port}/ok", limits={"EUR": "100.00"})
    before = len(upstream.requests)
    token = gateway.token()
    other, stranger = make_user(gateway.client, gateway.rig.basic, gateway.tenant, "eve@example.com")
    _, powerless = make_user(gateway.client, gateway.rig.basic, gateway.tenant, "bob@example.com", ())
    view = gateway.client.post("/tokens", {"name": "v", "permissions": ["VIEW", "MANAGE"]}, basic=gateway.rig.basic).json
    rows = [
        ("no credential", dict(bearer="nobody", token=token), (401, "unauthorized", None)),
        ("no action token", dict(token=""), (400, "invalid_request", "X-Action-Token")),
        ("empty action token", dict(token="", headers={"X-Action-Token": ""}), (400, "invalid_request", "X-Action-Token")),
        ("unknown token", dict(token="act_tok_" + "0" * 36), (401, "unauthorized", None)),
        ("another body", dict(token=token, body={"amount": {"currency": "EUR", "value": "10.51"}, "to": "DE02"}),
         (422, "not_admissible", "action_token_digest_mismatch")),
        ("another user", dict(token=token, bearer=stranger), (403, "forbidden_capability_scope", None)),
        ("no capability", dict(token=token, bearer=powerless), (403, "forbidden_capability_scope", None)),
        ("no TRANSACT", dict(basic=(view["clientId"], view["clientSecret"])), (403, "forbidden_capability_scope", None)),
        ("over the limit", dict(basic=gateway.rig.basic, body={"amount": {"currency": "EUR", "value": "100.01"}}),
         (422, "not_admissible", "policy_limit")),
        ("no amount under a limit", dict(basic=gateway.rig.basic, body={}), (422, "not_admissible", "policy_limit")),
        ("no object", dict(token=token, body="[]"), (400, "invalid_request", "body")),
        ("no JSON", dict(token=token, body="{"), (400, "invalid_request", "body")),
        ("a name twice", dict(token=token, body='{"a":1,"a":1}'), (400, "invalid_request", "body")),
        ("no body", dict(token=token, body=""), (400, "invalid_request", "body")),
        ("another type", dict(token=token, headers={"Content-Type": "text/plain"}), (415, "unsupported_media_type", None)),
        ("too large", dict(token=token, body='{"a":"' + "x" * 16384 + '"}'), (413, "payload_too_large", None)),
        ("bad key", dict(token=token, key="a b"), (400, "invalid_request", "Idempotency-Key")),
        ("method", None, (405, "method_not_allowed", None)),
    ]
    for name, arguments, expected in rows:
        if arguments is None:
            got = gateway.client.get("/withdrawals", bearer=gateway.bearer)
            suite.equal("Allow", got.headers.get("Allow"), "POST, OPTIONS")
        else:
            got = gateway.submit(**arguments)
        suite.equal(name, reason(got), expected)
    conversion = gateway.token(member="conversion")
    suite.equal("a token for another action", reason(gateway.submit(token=conversion)),
                (422, "not_admissible", "action_token_digest_mismatch"))
    gateway.policy(None)
    suite.equal("no upstream", reason(gateway.submit(token=token)), (404, "not_found", None))
    suite.equal("nothing went", len(upstream.requests), before)
    gateway.policy(f"http://{HOST}:{upstream.port}/ok", limits={"EUR": "100.00"})
    suite.equal("the token is still good", gateway.submit(token=token).status, 200)
    suite.equal("at the limit", gateway.submit(basic=gateway.rig.basic, body={"amount": {"currency": "EUR", "value": "1E2"}})
                .status, 200)


def suspended(suite, gateway, upstream):
    second = gateway.client.post("/admin/v1/tenants", {"name": "second"}, basic=gateway.rig.basic).json["id"]
    made = gateway.client.post(f"/admin/v1/tenants/{second}/tokens", {"name": "t", "permissions": ["TRANSACT"]},
                               basic=gateway.rig.basic).json
    basic = (made["clientId"], made["clientSecret"])
    policy = {"actions": {"withdrawal.create": {"upstream": f"http://{HOST}:{upstream.port}/ok"}}}
    for change, expected in (({"policy": policy}, (200, None, None)), ({"suspended": True}, SPENT),
                             ({"suspended": False}, (200, None, None))):
        answer = gateway.client.request("PATCH", f"/admin/v1/tenants/{second}", change, basic=gateway.rig.basic)
        assert answer.status == 200, answer
        suite.equal(f"second tenant after {list(change)}", reason(gateway.submit(basic=basic)), expected)


def kept_connections(suite, gateway, upstream):
    gateway.policy(f"http://{HOST}:{upstream.port}/ok")
    time.sleep(3.5)  # those of before are over
    for _ in range(5):
        suite.equal("again", gateway.submit(basic=gateway.rig.basic).status, 200)
    suite.equal("over one connection", len({request.connection for request in upstream.requests[-5:]}), 1)
    time.sleep(3.5)
    gateway.submit(basic=gateway.rig.basic)
    suite.check("not after a while", upstream.requests[-1].connection != upstream.requests[-2].connection)
    gateway.policy(f"http://{HOST}:{upstream.port}/closing-quietly")
    for _ in range(4):
        suite.equal("a connection that ended is noticed", gateway.submit(basic=gateway.rig.basic).status, 200)
        time.sleep(0.5)
    for name in ("more", "closing"):
        gateway.policy(f"http://{HOST}:{upstream.port}/{name}")
        gateway.submit(basic=gateway.rig.basic)
        gateway.submit(basic=gateway.rig.basic)
        suite.check(f"none after {name}", upstream.requests[-1].connection != upstream.requests[-2].connection)


def repeats(suite, gateway, upstream):
    for name, status in (("created", 201), ("refused", 422), ("nothing", 204), ("big", 200)):
        gateway.policy(f"http://{HOST}:{upstream.port}/{name}")
        for caller in ({}, {"basic": gateway.rig.basic}):
            key = f"repeat-{name}-{len(caller)}"
            first = gateway.submit(key=key, **caller)
            sent = len(upstream.requests)
            again = gateway.submit(key=key, **caller)
            suite.equal(f"{key}: first", first.status, status)
            suite.equal(f"{key}: again", (again.status, again.text, again.headers.get("Content-Type")),
                        (first.status, first.text, first.headers.get("Content-Type")))
            suite.equal(f"{key}: sent once", len(upstream.requests), sent)
            suite.equal(f"{key}: another body", reason(gateway.submit(body={"a": 1}, key=key, **caller)),
                        (409, "idempotency_conflict", "key_payload_mismatch"))
    gateway.policy(f"http://{HOST}:{upstream.port}/failed")
    first = gateway.submit(key="repeat-failed")
    gateway.policy(f"http://{HOST}:{upstream.port}/ok")
    suite.equal("a failure stays", gateway.submit(key="repeat-failed").text, first.text)
    suite.equal("keys are a caller's own", gateway.submit(key="repeat-failed", basic=gateway.rig.basic).status, 200)


def gone_clients(suite, gateway, upstream):
    """A client that goes away loses its answer, not the outcome; a repeat meanwhile is told to wait."""
    gateway.policy(f"http://{HOST}:{upstream.port}/late")
    token = gateway.token()
    impatient = gateway.rig.client(0.5)
    try:
        gateway.submit(token=token, key="gone", client=impatient)
        suite.check("it was late", False)
    except OSError:
        pass
    impatient.close()
    suite.equal("meanwhile", reason(gateway.submit(token="x", key="gone")), (409, "state_conflict", "in_progress"))
    time.sleep(1.5)
    suite.equal("afterwards", gateway.submit(token="x", key="gone").text, '{"late":true}')


def many_at_once(suite, gateway, upstream):
    """More than may be under way: the others get 503 at once, and keep their tokens."""
    gateway.policy(f"http://{HOST}:{upstream.port}/late")
    count = 40
    tokens = [gateway.token() for _ in range(count)]
    clients = [gateway.rig.client() for _ in range(count)]
    for client in clients:
        client.get("/health/alive")
    barrier = threading.Barrier(count)

    def run(i):
        barrier.wait()
        return gateway.submit(token=tokens[i], client=clients[i]).status
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        statuses = list(pool.map(run, range(count)))
    suite.equal("served and not", (statuses.count(200), statuses.count(503)), (32, 8))
    gateway.policy(f"http://{HOST}:{upstream.port}/ok")
    late = [gateway.submit(token=token).status for token, status in zip(tokens, statuses) if status == 503]
    suite.equal("their tokens are good", late, [200] * 8)
    for client in clients:
        client.close()


def power_cuts(suite, rig, gateway, upstream):
    """What was answered is answered again; what was under way is never sent again."""
    gateway.policy(f"http://{HOST}:{upstream.port}/created")
    spent = gateway.token()
    answered = gateway.submit(token=spent, key="cut-answered")
    gateway.policy(f"http://{HOST}:{upstream.port}/slow")
    tokens = [gateway.token(), gateway.token()]
    calls = [dict(token=tokens[0], key="cut-user"), dict(basic=rig.basic, key="cut-service"), dict(token=tokens[1])]
    sent = len(upstream.requests)

    def run(arguments):
        try:
            gateway.submit(client=rig.client(), **arguments)
        except OSError:
            return
    for arguments in calls:
        threading.Thread(target=run, args=(arguments,), daemon=True).start()
    end = time.monotonic() + 5
    while len(upstream.requests) < sent + 3 and time.monotonic() < end:
        time.sleep(0.05)
    suite.equal("under way", len(upstream.requests), sent + 3)
    rig.kill()
    rig.up()
    return calls, answered, spent


def after_the_cut(suite, gateway, upstream, calls, answered, spent):
    gateway.policy(f"http://{HOST}:{upstream.port}/created")
    again = gateway.submit(token=spent, key="cut-answered")
    suite.equal("answered again", (again.status, again.text), (answered.status, answered.text))
    for arguments in calls:
        expected = UNKNOWN if "key" in arguments else SPENT
        suite.equal(f"after the cut: {arguments.get('key')}", reason(gateway.submit(**arguments)), expected)
    suite.equal("nothing was sent again", len(upstream.requests), 0)
    suite.equal("another body after the cut", reason(gateway.submit(body={"b": 1}, key="cut-user")),
                (409, "idempotency_conflict", "key_payload_mismatch"))
    suite.equal("a new key goes on", gateway.submit(key="cut-new").status, 201)


def over_tls(suite, gateway, directory):
    ours, others = Authority(directory, "ours"), Authority(directory, "others")
    contexts = {
        "good address": (ours.server("address", f"IP:{HOST}"), HOST, ours.pem(), (200, None, None)),
        "good name": (ours.server("name", "DNS:upstream.test"), "upstream.test", ours.pem(), (200, None, None)),
        "good wildcard": (ours.server("star", "DNS:*.test"), "upstream.test", ours.pem(), (200, None, None)),
        "two authorities": (ours.server("two", f"IP:{HOST}"), HOST, others.pem() + ours.pem(), (200, None, None)),
        "wrong authority": (ours.server("wrong", f"IP:{HOST}"), HOST, others.pem(), NOT_SENT),
        "no authority": (ours.server("none", f"IP:{HOST}"), HOST, None, NOT_SENT),
        "wrong name": (ours.server("elsewhere", "DNS:elsewhere.test"), "upstream.test", ours.pem(), NOT_SENT),
        "wrong address": (ours.server("nearby", "IP:10.77.0.9"), HOST, ours.pem(), NOT_SENT),
        "a name for an address": (ours.server("named", "DNS:upstream.test"), HOST, ours.pem(), NOT_SENT),
    }
    for name, (context, host, ca, expected) in contexts.items():
        with Upstream(gateway.rig.namespace, HOST, context) as upstream:
            gateway.policy(f"https://{host}:{upstream.port}/ok", ca)
            token = gateway.token()
            suite.equal(f"TLS, {name}", reason(gateway.submit(token=token)), expected)
            suite.equal(f"TLS, {name}: sent", len(upstream.requests), int(expected[0] == 200))
            suite.equal(f"TLS, {name}: token", reason(gateway.submit(token=token)), SPENT)
    expired = ours.server("expired", f"IP:{HOST}", days="-1")
    with Upstream(gateway.rig.namespace, HOST, expired) as upstream:
        gateway.policy(f"https://{HOST}:{upstream.port}/ok", ours.pem())
        suite.equal("TLS, expired", reason(gateway.submit()), NOT_SENT)
    with Upstream(gateway.rig.namespace, HOST) as plain:
        gateway.policy(f"https://{HOST}:{plain.port}/ok", ours.pem())
        suite.equal("TLS to plain", reason(gateway.submit())[:2], NOT_SENT[:2])


def answers_over_tls(suite, gateway, directory):
    ours = Authority(directory, "answers")
    for version in ("TLSv1_2", "TLSv1_3"):
        context = ours.server(f"answers-{version}", f"IP:{HOST}")
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
        with Upstream(gateway.rig.namespace, HOST, context) as upstream:
            for name, expected in (("ok", 200), ("big", 200), ("pieces", 200), ("to-end", 200), ("closing", 200),
                                   ("refused", 422), ("midway", 502), ("silent-end", 502), ("garbage", 502)):
                gateway.policy(f"https://{HOST}:{upstream.port}/{name}", ours.pem())
                suite.equal(f"{version}, {name}", gateway.submit(basic=gateway.rig.basic).status, expected)
            gateway.policy(f"https://{HOST}:{upstream.port}/ok", ours.pem())
            for _ in range(4):
                gateway.submit(basic=gateway.rig.basic)
            suite.equal(f"{version}: kept", len({r.connection for r in upstream.requests[-4:]}), 1)


def on_linux(suite):
    with Rig(platform="linux", options=["--option", f"dns={HOST}"]) as rig, tempfile.TemporaryDirectory() as directory:
        gateway = Gateway(rig)
        with Upstream(rig.namespace, HOST) as upstream, Names(rig.namespace, HOST) as names:
            for scenario in (relayed, failures, what_upstream_gets, refusals, suspended, kept_connections, repeats,
                             gone_clients, many_at_once, time_outs):
                suite.run(scenario.__name__, scenario, gateway, upstream)
            suite.run("over_tls", over_tls, gateway, directory)
            suite.run("answers_over_tls", answers_over_tls, gateway, directory)
            suite.check("names were asked for", len(names.asked) > 0)
            cut = power_cuts(suite, rig, gateway, upstream)
        gateway.client = rig.client()
        with Upstream(rig.namespace, HOST) as upstream:
            suite.run("after_the_cut", after_the_cut, gateway, upstream, *cut)


def on_qemu(suite):
    """The same code on the machine it is for: DHCP, virtio, both schemes."""
    with Rig() as rig, tempfile.TemporaryDirectory() as directory:
        gateway = Gateway(rig)
        ours = Authority(directory, "ours")
        with Upstream("", "127.0.0.1") as plain, Upstream("", "127.0.0.1", ours.server("slirp", "IP:10.0.2.2")) as secure:
            for name, status in (("ok", 200), ("big", 200), ("chunked", 200), ("refused", 422), ("midway", 502)):
                for scheme, upstream in (("http", plain), ("https", secure)):
                    gateway.policy(f"{scheme}://10.0.2.2:{upstream.port}/{name}", ours.pem())
                    token = gateway.token()
                    suite.equal(f"{scheme} {name}", gateway.submit(token=token).status, status)
                    suite.equal(f"{scheme} {name}: token", reason(gateway.submit(token=token)), SPENT)
            gateway.policy(f"https://10.0.2.2:{secure.port}/created", ours.pem())
            first = gateway.submit(key="q1")
            rig.kill()
            rig.up()
            gateway.client = rig.client()
            sent = len(secure.requests)
            again = gateway.submit(key="q1")
            suite.equal("again after a power cut", (again.status, again.text), (201, first.text))
            suite.equal("not sent again", len(secure.requests), sent)


def main():
    suite = Suite()
    suite.run("linux", on_linux)
    suite.run("qemu", on_qemu)
    suite.finish()


if __name__ == "__main__":
    main()
