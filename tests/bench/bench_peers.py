"""The hosted build against what others run in its place: requests and connections for each second of processor time."""

from load import Work, alternate, row
from peers import Ring, action_token, grant, introspection, request

CONNECTIONS = 64
SECONDS = 2
ACTIVE = '"active":true'
STATIC_PORT, STORE_PORT, OIDC_PORT, REDIS_PORT = 8443, 8444, 8445, 6379


def ratio_rows(name, unit, member, ours, theirs):
    """A row for each peer: (work, goal)."""
    for work, goal in theirs:
        yield row(name, unit, ours.median(member), (work.target.name, work.median(member)), goal)


def introspect():
    """Introspection, keep-alive: of a token that is looked up, and of a signed one beside it."""
    with Ring() as ring:
        jeton, nginx = ring.jeton(), ring.nginx("nginx, static", STATIC_PORT)
        oidc, oidc_basic, oidc_token = ring.oidc_provider(OIDC_PORT)
        store = ring.lua_store(STORE_PORT, False, oidc_token)

        def work(target, sent):
            return Work(target, ring.folder, sent, ACTIVE, connections=CONNECTIONS)
        basic = ring.rig.basic
        ours = work(jeton, introspection("/oauth/introspect", action_token(ring.rig), basic))
        signed = work(jeton, introspection("/oauth/introspect", grant(jeton, "/oauth/token", basic), basic))
        theirs = [(work(nginx, request("GET", "/static.json")), 1),
                  (work(store, introspection("/oauth/introspect", oidc_token, basic)), 4),
                  (work(oidc, introspection("/token/introspection", oidc_token, oidc_basic)), 20)]
        alternate([ours, signed] + [work for work, _ in theirs], SECONDS)
        yield from ratio_rows("introspect, keep-alive, 64 connections", "1/s of CPU", "per_cpu_s", ours, theirs)
        yield from ratio_rows("the same, of a signed access token", "1/s of CPU", "per_cpu_s", signed,
                              [(theirs[0][0], None)])
        yield from ratio_rows("introspect, time of a request (median)", "us", "p50_us", ours,
                              [(work, None) for work, _ in theirs])


def issue():
    """A platform credential is made and stored; Redis with the same promise: its file synced before it answers."""
    with Ring() as ring:
        store = ring.lua_store(STORE_PORT, True)
        wanted = request("POST", "/tokens", '{"name":"n-############","permissions":["VIEW"]}', ring.rig.basic)
        options = {"status": 201, "connections": CONNECTIONS}
        ours = Work(ring.jeton(), ring.folder, wanted, '"clientSecret"', **options)
        theirs = Work(store, ring.folder, wanted, '"clientSecret"', **options)
        alternate([ours, theirs], SECONDS)
        yield from ratio_rows("issue, 64 connections, stored for good", "1/s of CPU", "per_cpu_s", ours, [(theirs, 3)])


def connections():
    """Whole TLS 1.3 connections of one request each."""
    with Ring() as ring:
        jeton, nginx = ring.jeton(), ring.nginx("nginx", STATIC_PORT)
        for mode in ("full", "resumed"):
            options = {"mode": mode, "connections": 16}
            ours = Work(jeton, ring.folder, request("GET", "/health/alive"), "alive", **options)
            theirs = Work(nginx, ring.folder, request("GET", "/static.json"), ACTIVE, **options)
            alternate([ours, theirs], SECONDS)
            yield from ratio_rows(f"{mode} TLS 1.3 connections", "1/s of CPU", "per_cpu_s", ours, [(theirs, 1.75)])
            yield from ratio_rows(f"{mode}, from connect to answer (median)", "us", "p50_us", ours, [(theirs, None)])


def durable():
    """Creates that are on the disk when they are acknowledged; Redis syncs its file for each turn of its loop."""
    with Ring(memory_mib=2048) as ring:  # a fast disk makes half a million tokens of it
        redis = ring.redis("redis", REDIS_PORT, True)
        stored = b"*3\r\n$3\r\nSET\r\n$18\r\ntoken:############\r\n$144\r\n" + b"x" * 144 + b"\r\n"
        wanted = request("POST", "/tokens", '{"name":"n-############","permissions":["VIEW"]}', ring.rig.basic)
        for count, goal in ((1, 1), (64, 1.5)):
            ours = Work(ring.jeton(), ring.folder, wanted, '"clientSecret"', status=201, connections=count)
            theirs = Work(redis, ring.folder, stored, "+OK", protocol="redis", connections=count)
            alternate([ours, theirs], 1, 11)  # the disk has moods
            yield from ratio_rows(f"durable creates, {count} connection{'s' * (count > 1)}", "1/s", "per_s", ours,
                                  [(theirs, goal)])


BENCHMARKS = (introspect, issue, connections, durable)
