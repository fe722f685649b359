#!/usr/bin/env python3
"""Garbage at every layer: frames, TCP, TLS, HTTP, JSON. Each gets an error or a closed connection, and the next client
is served. Bounded in count and time; everything stays inside the rig's own network namespace or on loopback.
"""

import os
import random
import socket
import ssl
import struct

from appliance import Rig, Suite, connect_within, first_tenant, make_user, within

SEED = int(os.environ.get("JETON_SEED", "7"))
ETHERTYPES = (0x0800, 0x0806, 0x86dd, 0x8100, 0x0000, 0xffff, 46, 1501)


def served(suite, name, rig):
    suite.equal(f"served after {name}", rig.client(timeout_s=15).get("/health/ready").status, 200)


# ---- frames ----


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(rng, protocol, payload, source, destination):
    """A packet that is nearly right: each field is wrong now and then."""
    def sometimes(value, bits):
        return rng.getrandbits(bits) if rng.random() < 0.1 else value
    header = bytearray(struct.pack("!BBHHHBBH4s4s", sometimes(0x45, 8), 0, sometimes(20 + len(payload), 16),
                                   rng.getrandbits(16), sometimes(0, 16), 64, protocol, 0, source, destination))
    header[10:12] = struct.pack("!H", sometimes(checksum(bytes(header)), 16))
    return bytes(header) + payload


def tcp(rng):
    """A segment to our port with random flags, offset, options and data."""
    options = rng.randbytes(rng.choice((0, 4, 8, 40)))
    return struct.pack("!HHIIBBHHH", rng.randrange(1024, 65536), 443, rng.getrandbits(32), rng.getrandbits(32),
                       rng.getrandbits(8), rng.getrandbits(8), rng.getrandbits(16), rng.getrandbits(16),
                       0) + options + rng.randbytes(rng.randrange(64))


def frame(rng, us, them):
    """(random bytes | random ethertype | ARP | IPv4 with random TCP, UDP, ICMP or other) to the guest."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(14, 1515))
    target = them["mac"] if rng.random() < 0.8 else b"\xff" * 6
    if kind == 1:
        return target + us["mac"] + struct.pack("!H", rng.choice(ETHERTYPES)) + rng.randbytes(rng.randrange(0, 1500))
    if kind == 2:
        return target + us["mac"] + b"\x08\x06" + rng.choice((b"\0\1\x08\0\6\4", rng.randbytes(6))) + rng.randbytes(22)
    protocol = rng.choice((1, 2, 6, 6, 6, 17, 17, 50, rng.getrandbits(8)))
    payload = tcp(rng) if protocol == 6 else rng.randbytes(rng.randrange(0, 1400))
    packet = ipv4(rng, protocol, payload, rng.randbytes(4) if rng.random() < 0.5 else us["ip"], them["ip"])
    return target + us["mac"] + b"\x08\x00" + packet


def raw_socket(device):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind((device, 0))
    return raw


def frames(suite):
    rng = random.Random(SEED)
    with Rig("linux") as rig:
        client = rig.client()
        host = client.address[0]
        client.get("/health/alive")
        ours, guest = client.connection.sock.getsockname()[0], host
        raw = within(rig.namespace, raw_socket, "jeton0")
        us = {"mac": raw.getsockname()[4], "ip": socket.inet_aton(ours)}
        them = {"mac": b"\xff" * 6, "ip": socket.inet_aton(guest)}
        for _ in range(10):
            for _ in range(2000):
                raw.send(frame(rng, us, them)[:1514].ljust(14, b"\0"))
            served(suite, "2,000 garbage frames", rig)
        raw.close()


# ---- TCP and TLS ----


def connect(rig):
    client = rig.client()
    return connect_within(rig.namespace, client.address, 15)


def drain(plain):
    """Everything until the end; a reset is an end."""
    got = b""
    try:
        while True:
            more = plain.recv(65536)
            if not more:
                return got
            got += more
    except OSError:
        return got


def client_hello(rig):
    """The bytes of a good first flight."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=rig.info["ca_file"])
    session = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def tls_garbage(suite, rig):
    """Not TLS at all, and a ClientHello with each byte of its first 60 changed: an alert, then the end."""
    rng = random.Random(SEED)
    hello = client_hello(rig)
    attempts = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100, rng.randbytes(300), b"\x16\x03\x01\xff\xff" + b"x" * 20,
                b"\x80\x2e\x01\x00\x02" + rng.randbytes(41), b"\x15\x03\x01\x00\x02\x02\x28"]
    attempts += [hello[:at] + bytes([hello[at] ^ 0xff]) + hello[at + 1:] for at in range(0, min(60, len(hello)))]
    alerts = 0
    for attempt in attempts:
        with connect(rig) as plain:
            plain.sendall(attempt)
            plain.shutdown(socket.SHUT_WR)
            answer = drain(plain)
            alerts += answer[:1] == b"\x15" or answer[:1] == b"\x16"
    suite.check("most garbage is answered by a record", alerts >= len(attempts) * 3 // 4, f"{alerts}/{len(attempts)}")
    served(suite, "TLS garbage", rig)


def tls_cut(suite, rig):
    """The first flight cut at every byte, the rest never sent."""
    hello = client_hello(rig)
    for size in range(0, len(hello), 7):
        with connect(rig) as plain:
            plain.sendall(hello[:size])
    served(suite, "cut ClientHellos", rig)


def tls_slow(suite, rig):
    """A handshake and a request, one byte a segment."""
    client = rig.client()
    plain = connect(rig)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = client.context.wrap_bio(incoming, outgoing, server_hostname=client.address[0])

    def pump(function):
        while True:
            try:
                result = function()
                wait = False
            except ssl.SSLWantReadError:
                result, wait = None, True
            for byte in outgoing.read():
                plain.sendall(bytes([byte]))
            if not wait:
                return result
            incoming.write(plain.recv(65536))

    pump(session.do_handshake)
    pump(lambda: session.write(b"GET /health/alive HTTP/1.1\r\nHost: x\r\n\r\n"))
    answer = pump(lambda: session.read(65536))
    suite.check("one byte a segment", answer.startswith(b"HTTP/1.1 200 "), answer)
    plain.close()


# ---- HTTP and JSON ----


def exchange(rig, data, pieces=None):
    """Send raw HTTP bytes over TLS (cut as told), read to the end."""
    client = rig.client()
    plain = connect_within(rig.namespace, client.address, 15)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client.context.wrap_socket(plain, server_hostname=client.address[0]) as session:
        for piece in pieces or [data]:
            session.sendall(piece)
        return drain(session)


def http_garbage(suite, rig):
    good = b"GET /health/alive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    bad = {
        b"\0\1\2\3\r\n\r\n": 400, b"GET / HTTP/1.1\nHost: x\n\n": 400, b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n": 400,
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n": 505, b"GET / HTTP/1.1\r\n\r\n": 400,
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n": 400, b"GET / HTTP/1.1\r\nHost : x\r\n\r\n": 400,
        b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n": 400,
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000 + b"\r\n\r\n": 431,
        b"POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 16385\r\n\r\n": 413,
        b"POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n1": 400,
        b"POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1": 400,
        b"POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
        b"POST /tokens HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n": 501,
        b"POST /tokens HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": 400,
        b"POST /tokens HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n1": 417,
    }
    for request, status in bad.items():
        answer = exchange(rig, request + good)
        suite.check(f"{request[:60]!r} gets {status}", answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200])
        suite.equal(f"{request[:60]!r} closes", answer.count(b"HTTP/1.1 "), 1)
    for cut in range(1, len(good)):
        answer = exchange(rig, good, [good[:cut], good[cut:]])
        suite.check(f"split at {cut}", answer.startswith(b"HTTP/1.1 200 "), answer[:100])
    served(suite, "HTTP garbage", rig)


def json_garbage(suite, rig):
    """Bombs and breaks as the body of each family's create."""
    client = rig.client()
    tenant = first_tenant(client, rig.basic)
    _, bearer = make_user(client, rig.basic, tenant, "garbage@example.com")
    bodies = [b"[" * 16000, b'{"a":' * 3000, b'"' + b"\\u0000" * 2000 + b'"', b"[" + b"0," * 8000 + b"0]",
              b'{"name":"' + b"\xff" * 100 + b'"}', b"1e999999", b"-" * 16000, b'{"name":"\\ud800"}', b"\xef\xbb\xbf{}",
              b"{" + b",".join(b'"%d":0' % n for n in range(1500)) + b"}"]
    for path, how in (("/tokens", {"basic": rig.basic}), ("/action-tokens", {"bearer": bearer}),
                      ("/api/v1/tokens", {"bearer": bearer, "business": tenant})):
        for body in bodies:
            reply = client.post(path, body, **how)
            suite.check(f"{path} {body[:20]!r}", reply.status in (400, 422), reply)
    served(suite, "JSON bombs", rig)


if __name__ == "__main__":
    SUITE = Suite()
    SUITE.run("frames", frames)
    with Rig() as RIG:
        for SCENARIO in (tls_garbage, tls_cut, tls_slow, http_garbage, json_garbage):
            SUITE.run(SCENARIO.__name__, SCENARIO, RIG)
    SUITE.finish()
