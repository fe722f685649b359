"""TLS records and hello messages made by hand (RFC 8446, RFC 5246), so that every byte of them can be wrong."""

import os

ALERT, HANDSHAKE, CHANGE_CIPHER_SPEC, APPLICATION_DATA = 21, 22, 20, 23
CLIENT_HELLO, CLIENT_KEY_EXCHANGE, FINISHED = 1, 16, 20
TLS12, TLS13 = 0x0303, 0x0304
X25519, P256, P384 = 29, 23, 24
BASE_POINT = bytes([9]) + bytes(31)

SERVER_NAME, GROUPS, SIGNATURES, ALPN, VERSIONS, SHARES, PSK = 0, 10, 13, 16, 43, 51, 41


def u16(number):
    return number.to_bytes(2, "big")


def vector(width, data):
    """A length of `width` bytes and the data."""
    return len(data).to_bytes(width, "big") + data


def extension(kind, data):
    return u16(kind) + vector(2, data)


def record(kind, body, version=0x0301):
    return bytes([kind]) + u16(version) + vector(2, body)


def message(kind, body):
    return bytes([kind]) + vector(3, body)


def extensions(versions=(TLS13, TLS12), groups=(X25519, P256), signatures=(0x0403,), shares=((X25519, BASE_POINT),),
               alpn=(), more=b""):
    """The usual ones; None leaves one out."""
    text = extension(SERVER_NAME, vector(2, b"\0" + vector(2, b"jeton")))
    if versions:
        text += extension(VERSIONS, vector(1, b"".join(map(u16, versions))))
    if groups:
        text += extension(GROUPS, vector(2, b"".join(map(u16, groups))))
    if signatures:
        text += extension(SIGNATURES, vector(2, b"".join(map(u16, signatures))))
    if shares is not None:
        text += extension(SHARES, vector(2, b"".join(u16(group) + vector(2, key) for group, key in shares)))
    if alpn:
        text += extension(ALPN, vector(2, b"".join(vector(1, name) for name in alpn)))
    return text + more


def hello(version=TLS12, suites=(0x1301, 0xC02B), compression=b"\0", **of_extensions):
    """A ClientHello's body."""
    return (u16(version) + os.urandom(32) + vector(1, b"") + vector(2, b"".join(map(u16, suites))) +
            vector(1, compression) + vector(2, extensions(**of_extensions)))


def hello_record(**of_hello):
    return record(HANDSHAKE, message(CLIENT_HELLO, hello(**of_hello)))


def hello12(**of_hello):
    """For TLS 1.2 only."""
    return hello_record(versions=None, shares=None, **of_hello)


def split(data):
    """[(type, body)] of the whole records in `data`."""
    found = []
    while len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[3:5], "big"):
        size = int.from_bytes(data[3:5], "big")
        found.append((data[0], data[5:5 + size]))
        data = data[5 + size:]
    return found
