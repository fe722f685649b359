#!/usr/bin/env python3
"""TLS as clients see it: versions, suites, groups, resumption, and the alert that each failed handshake owes its peer."""

import socket
import ssl
import time

import tls_hello as t
from appliance import Rig, Suite, connect_within

ALERTS = {"close_notify": 0, "unexpected_message": 10, "bad_record_mac": 20, "record_overflow": 22,
          "handshake_failure": 40, "illegal_parameter": 47, "decode_error": 50, "protocol_version": 70,
          "internal_error": 80, "missing_extension": 109, "no_application_protocol": 120}
GET = b"GET /health/alive HTTP/1.1\r\nHost: jeton\r\n\r\n"


class Peer:
    """A TLS client whose bytes pass through our hands."""

    def __init__(self, rig, version, **options):
        self.context = ssl.create_default_context(cafile=rig.info["ca_file"])
        self.context.minimum_version = self.context.maximum_version = version
        for name, value in options.items():
            getattr(self.context, name)(value)
        self.received, self.to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.context.wrap_bio(self.received, self.to_send, server_hostname="10.77.0.2")
        self.tcp = connect(rig)
        self.tamper = lambda data: data

    def pump(self):
        """Send what is to be sent, wait for an answer; False when the server ended."""
        data = self.to_send.read()
        if data:
            self.tcp.sendall(self.tamper(data))
        data = self.tcp.recv(65536)
        if not data:
            self.received.write_eof()
        self.received.write(data)

    def drive(self, function, *arguments):
        while True:
            try:
                result = function(*arguments)
                data = self.to_send.read()
                if data:
                    self.tcp.sendall(self.tamper(data))
                return result
            except ssl.SSLWantReadError:
                self.pump()

    def handshake(self):
        self.drive(self.tls.do_handshake)
        return self

    def get(self):
        self.drive(self.tls.write, GET)
        return self.drive(self.tls.read, 65536)

    def close(self):
        self.tcp.close()


def connect(rig):
    plain = connect_within(rig.namespace, ("10.77.0.2", 443), 8)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def error_of(function):
    """The reason that OpenSSL gives for a failure."""
    try:
        function()
    except ssl.SSLError as error:
        return error.reason or str(error)
    except OSError as error:
        return type(error).__name__
    return "no error"


def versions_and_suites(suite, rig):
    for name in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        peer = Peer(rig, ssl.TLSVersion.TLSv1_2, set_ciphers=name).handshake()
        suite.equal(name, peer.tls.cipher()[:2], (name, "TLSv1.2"))
        suite.check(f"{name} serves", b"200 OK" in peer.get())
        peer.close()
    v12, v13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3  # in 1.2 X25519 alone would exclude our certificate
    for curve, version in (("X25519", v13), ("prime256v1", v13), ("prime256v1", v12)):
        peer = Peer(rig, version, set_ecdh_curve=curve, set_alpn_protocols=["h2", "http/1.1"]).handshake()
        suite.check(f"{curve} {peer.tls.version()}", b"200 OK" in peer.get())
        suite.equal("ALPN", peer.tls.selected_alpn_protocol(), "http/1.1")
        peer.close()
    for name in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "AES128-GCM-SHA256"):
        peer = Peer(rig, ssl.TLSVersion.TLSv1_2, set_ciphers=name)
        suite.equal(f"{name} is refused", error_of(peer.handshake), "SSLV3_ALERT_HANDSHAKE_FAILURE")
        peer.close()
    peer = Peer(rig, ssl.TLSVersion.TLSv1_3, set_ecdh_curve="secp384r1")
    suite.equal("another group is refused", error_of(peer.handshake), "SSLV3_ALERT_HANDSHAKE_FAILURE")
    peer.close()


def large_records(suite, rig):
    """A request in one record as large as TLS allows (RFC 8446 section 5.1), in both versions."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for size in (4096, 8000, 16000):
            peer = Peer(rig, version).handshake()
            head = f"POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
            request = head + b" " * size
            peer.drive(peer.tls.write, request)
            answer = peer.drive(peer.tls.read, 65536)
            suite.check(f"{version.name}: {len(request)} bytes at once", answer.startswith(b"HTTP/1.1 401 "), answer[:99])
            peer.close()


def fetch(rig, context, session=None):
    """One GET; (resumed, session for the next)."""
    tls = context.wrap_socket(connect(rig), server_hostname="10.77.0.2", session=session)
    tls.sendall(GET)
    assert b"200 OK" in tls.recv(65536)
    result = tls.session_reused, tls.session
    tls.close()
    return result


def resumption(suite, rig):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=rig.info["ca_file"])
        context.minimum_version = context.maximum_version = version
        reused, session = fetch(rig, context)
        suite.equal(f"{version.name} first", reused, False)
        reused, session = fetch(rig, context, session)
        suite.equal(f"{version.name} resumed", reused, True)
        reused, session = fetch(rig, context, session)
        suite.equal(f"{version.name} resumed again", reused, True)
        rig.down()
        rig.up()
        suite.equal(f"{version.name} with a ticket of the last boot", fetch(rig, context, session)[0], False)


# What is sent, and the alert that it gets in the clear (RFC 8446 section 6, RFC 5246 section 7.2).
HELLO12 = t.hello12(groups=(t.X25519,))
KEY_EXCHANGE = t.record(t.HANDSHAKE, t.message(t.CLIENT_KEY_EXCHANGE, t.vector(1, t.BASE_POINT)), t.TLS12)
BAD = [
    ("HTTP on the port", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "unexpected_message"),
    ("unknown record type", t.record(99, b"hello"), "unexpected_message"),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", "unexpected_message"),
    ("record version 5", t.record(t.HANDSHAKE, b"abcde", 0x0503), "protocol_version"),
    ("record too long", bytes([22, 3, 1, 0x49, 0]) + bytes(64), "record_overflow"),
    ("record of 16385", t.record(t.HANDSHAKE, b"\1\0\x40\0" + bytes(16381)), "record_overflow"),
    ("empty handshake record", t.record(t.HANDSHAKE, b""), "unexpected_message"),
    ("data first", t.record(t.APPLICATION_DATA, b"hello"), "unexpected_message"),
    ("Finished first", t.record(t.HANDSHAKE, t.message(t.FINISHED, bytes(32))), "unexpected_message"),
    ("bad ChangeCipherSpec", t.record(t.CHANGE_CIPHER_SPEC, b"\2"), "unexpected_message"),
    ("bad alert", t.record(t.ALERT, b"\2"), "decode_error"),
    ("SSL 3.0", t.record(t.HANDSHAKE, t.message(1, t.hello(version=0x0300, versions=None)), 0x0300), "protocol_version"),
    ("TLS 1.1", t.hello_record(version=0x0302, versions=None), "protocol_version"),
    ("TLS 1.1 in the extension", t.hello_record(versions=(0x0302,)), "protocol_version"),
    ("cut ClientHello", t.record(t.HANDSHAKE, t.message(1, t.hello()[:60])), "decode_error"),
    ("no common suite, 1.3", t.hello_record(suites=(0x1304, 0xC02F)), "handshake_failure"),
    ("no common suite, 1.2", t.hello12(suites=(0xC02F, 0x2F)), "handshake_failure"),
    ("no common group, 1.3", t.hello_record(groups=(t.P384,), shares=((t.P384, b"\4" + bytes(96)),)), "handshake_failure"),
    ("no common group, 1.2", t.hello12(groups=(t.P384,)), "handshake_failure"),
    ("no common signature, 1.2", t.hello12(signatures=(0x0804, 0x0401)), "handshake_failure"),
    ("no signatures, 1.3", t.hello_record(signatures=None), "missing_extension"),
    ("no groups, 1.3", t.hello_record(groups=None), "missing_extension"),
    ("no key shares, 1.3", t.hello_record(shares=None), "missing_extension"),
    ("only h2, 1.3", t.hello_record(alpn=(b"h2",)), "no_application_protocol"),
    ("only h2, 1.2", t.hello12(alpn=(b"h2",)), "no_application_protocol"),
    ("empty ALPN", t.hello_record(more=t.extension(t.ALPN, b"\0\0")), "decode_error"),
    ("X25519 of zero", t.hello_record(shares=((t.X25519, bytes(32)),)), "illegal_parameter"),
    ("X25519 too short", t.hello_record(shares=((t.X25519, bytes(5)),)), "illegal_parameter"),
    ("P-256 off the curve", t.hello_record(shares=((t.P256, b"\4" + bytes(63) + b"\1"),)), "illegal_parameter"),
    ("compression, 1.3", t.hello_record(compression=b"\1"), "illegal_parameter"),
    ("no compression method", t.hello12(compression=b""), "decode_error"),
    ("key exchange of zero, 1.2", HELLO12 + t.record(22, t.message(16, t.vector(1, bytes(32))), 0x0303), "illegal_parameter"),
    ("data for key exchange, 1.2", HELLO12 + t.record(t.APPLICATION_DATA, b"xx", 0x0303), "unexpected_message"),
    ("Finished for key exchange, 1.2", HELLO12 + t.record(22, t.message(20, bytes(12)), 0x0303), "unexpected_message"),
    ("no ChangeCipherSpec, 1.2", HELLO12 + KEY_EXCHANGE + t.record(22, bytes(40), 0x0303), "unexpected_message"),
    ("forged Finished, 1.2", HELLO12 + KEY_EXCHANGE + t.record(20, b"\1", 0x0303) + t.record(22, bytes(40), 0x0303),
     "bad_record_mac"),
]
# After the ServerHello of TLS 1.3 alerts are encrypted: 2 bytes, the type, and the tag.
BAD_HIDDEN = [
    ("Finished in the clear, 1.3", t.hello_record() + t.record(22, t.message(20, bytes(32)), 0x0303)),
    ("garbage for Finished, 1.3", t.hello_record() + t.record(23, bytes(60), 0x0303)),
    ("short record, 1.3", t.hello_record() + t.record(23, bytes(10), 0x0303)),
    ("unknown type, 1.3", t.hello_record() + t.record(99, bytes(60), 0x0303)),
    ("only RSA signatures, 1.3", t.hello_record(signatures=(0x0804,))),
]


def exchange(rig, data):
    """Everything that the server says to `data`, and how it ends."""
    tcp = connect(rig)
    tcp.sendall(data)
    answer = b""
    try:
        while True:
            more = tcp.recv(65536)
            if not more:
                return t.split(answer), "FIN"
            answer += more
    except ConnectionResetError:
        return t.split(answer), "RST"
    finally:
        tcp.close()


def alerts(suite, rig):
    for name, data, expected in BAD:
        records, end = exchange(rig, data)
        sent = [body for kind, body in records if kind == t.ALERT]
        suite.equal(name, (sent, end), ([bytes([2, ALERTS[expected]])], "FIN"))
    for name, data in BAD_HIDDEN:
        records, end = exchange(rig, data)
        sent = [body for kind, body in records if kind == t.APPLICATION_DATA and len(body) == 19]
        suite.equal(name, (len(sent), records[-1][1] in sent, end), (1, True, "FIN"))
    records, end = exchange(rig, t.record(t.ALERT, b"\2\x28"))
    suite.equal("no alert for an alert", (records, end), ([], "FIN"))


def flip_last(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def tampered(suite, rig):
    """Each bit counts: a changed Finished and changed data are told to the peer, under the keys that it has."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        peer = Peer(rig, version)
        peer.drive(lambda: first_flight(peer))
        peer.tamper = flip_last
        suite.check(f"{version.name} Finished", "BAD_RECORD_MAC" in error_of(lambda: peer.handshake().get()))
        peer.close()
        peer = Peer(rig, version).handshake()
        suite.check(f"{version.name} before", b"200 OK" in peer.get())
        peer.tamper = flip_last
        suite.check(f"{version.name} data", "BAD_RECORD_MAC" in error_of(peer.get))
        peer.close()


def first_flight(peer):
    """The handshake up to its first wait."""
    try:
        peer.tls.do_handshake()
    except ssl.SSLWantReadError:
        pass


def cut_anywhere(suite, rig):
    """Handshake and request one byte a segment; then a request in records of one byte."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        peer = Peer(rig, version)

        def by_bytes(data):
            for i in range(len(data) - 1):
                peer.tcp.send(data[i:i + 1])
            return data[-1:]

        peer.tamper = by_bytes
        suite.check(f"{version.name} byte by byte", b"200 OK" in peer.handshake().get())
        peer.tamper = lambda data: data
        for byte in GET:
            peer.drive(peer.tls.write, bytes([byte]))
        suite.check(f"{version.name} records of a byte", b"200 OK" in peer.drive(peer.tls.read, 65536))
        peer.close()


def end_of(peer):
    """How the server ends: a bare FIN is an SSLEOFError."""
    try:
        return peer.drive(peer.tls.read, 1) or "close_notify"
    except ssl.SSLZeroReturnError:
        return "close_notify"
    except ssl.SSLError as error:
        return type(error).__name__


def orderly_end(suite, rig):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        peer = Peer(rig, version).handshake()
        peer.drive(peer.tls.write, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        suite.check("answer", b"Connection: close" in peer.drive(peer.tls.read, 65536))
        suite.equal(f"{version.name} close_notify", end_of(peer), "close_notify")
        peer.close()
        peer = Peer(rig, version).handshake()
        peer.drive(peer.tls.write, GET)
        peer.tcp.shutdown(socket.SHUT_WR)
        suite.check(f"{version.name} answer to a half-closed peer", b"200 OK" in peer.drive(peer.tls.read, 65536))
        peer.close()


def handshake_time(suite, rig):
    """A peer that says nothing is let go after 10 seconds, with close_notify."""
    begin = time.monotonic()
    silent = connect(rig)
    silent.settimeout(20)
    slow = connect(rig)
    slow.sendall(t.hello_record()[:50])
    data = b""
    while True:
        more = silent.recv(4096)
        if not more:
            break
        data += more
    suite.check("after 10 s", 9 < time.monotonic() - begin < 12, time.monotonic() - begin)
    suite.equal("its alerts", t.split(data), [(21, bytes([1, 90])), (21, bytes([1, 0]))])
    suite.check("the slow one too", slow.recv(4096).startswith(b"\x15\x03"))
    silent.close()
    slow.close()


def main():
    suite = Suite()
    with Rig(platform="linux", options=["--option", "log=debug"]) as rig:
        suite.run("versions and suites", versions_and_suites, rig)
        suite.run("large records", large_records, rig)
        suite.run("alerts", alerts, rig)
        suite.run("tampered records", tampered, rig)
        suite.run("cut anywhere", cut_anywhere, rig)
        suite.run("orderly end", orderly_end, rig)
        suite.run("handshake time", handshake_time, rig)
        suite.run("resumption", resumption, rig)
    suite.finish()


if __name__ == "__main__":
    main()
