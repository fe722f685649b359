#!/usr/bin/env python3
"""Connections: requests cut anywhere and pipelined, ends that lose nothing, bounds, time limits, memory that returns."""

import os
import re
import resource
import select
import socket
import ssl
import statistics
import subprocess
import time
from base64 import b64encode

from appliance import Rig, Suite, within

ADDRESS = ("10.77.0.2", 443)
GET = b"GET /health/alive HTTP/1.1\r\nHost: jeton\r\n\r\n"


def request(request_id, method="GET", more="", body=""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return (f"{method} /health/alive HTTP/1.1\r\nHost: jeton\r\nX-Request-Id: {request_id}\r\n{length}{more}\r\n"
            f"{body}").encode()


class Tls:
    """A TLS connection, and whole responses read from it."""

    def __init__(self, rig, source=None, plain=False):
        def dial():
            return socket.create_connection(ADDRESS, 10, source_address=(source, 0) if source else None)

        self.tcp = within(rig.namespace, dial)
        self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = ssl.create_default_context(cafile=rig.info["ca_file"])
        self.tls = None if plain else context.wrap_socket(self.tcp, server_hostname=ADDRESS[0])
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        (self.tls or self.tcp).close()

    def send(self, data):
        self.tls.sendall(data)

    def more(self):
        data = self.tls.recv(65536)
        self.buffer += data
        return data

    def response(self, head_only=False):
        """(status, head, body) of the next response; (0, b"", b"") at the end."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return 0, b"", b""
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        length = re.search(rb"Content-Length: (\d+)", head)
        size = int(length.group(1)) if length and not head_only and status >= 200 else 0
        while len(self.buffer) < size:
            assert self.more(), "the body is cut"
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return status, head, body

    def send_while_reading(self, data):
        """Send all of it, and take in what comes meanwhile: a client that only sends would wait for ever."""
        self.tls.settimeout(0)
        while data:
            try:
                data = data[self.tls.send(data[:16384]):]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([self.tls], [], [], 0.01)
            try:
                self.more()
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass
        self.tls.settimeout(10)

    def request_id(self):
        return re.search(rb"X-Request-Id: (\S+)", self.response()[1]).group(1).decode()


def split_everywhere(suite, rig):
    text = request("split-me", more="Accept: */*\r\n")
    post = (b"POST /oauth/revoke HTTP/1.1\r\nHost: jeton\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\n{\"a\":\r\n1\r\n1\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n")
    with Tls(rig) as whole:
        whole.send(post)
        expected = whole.response()[0]
    with Tls(rig) as tls:
        for sent, status in ((text, 200), (post, expected)):
            for at in range(1, len(sent)):
                tls.send(sent[:at])
                tls.send(sent[at:])
                got = tls.response()[0]
                if got != status:
                    suite.equal(f"cut at {at}", got, status)
                    return
            for byte in sent:
                tls.send(bytes([byte]))
            suite.equal("byte by byte", tls.response()[0], status)


def pipelining(suite, rig):
    for count, at_once in ((100, 100), (1000, 37), (3000, 3000)):
        with Tls(rig) as tls:
            names = [f"p{i}" for i in range(count)]
            for i in range(0, count, at_once):
                tls.send_while_reading(b"".join(map(request, names[i:i + at_once])))
            suite.equal(f"{count} in order", [tls.request_id() for _ in names], names)
    with Tls(rig) as tls:
        tls.send(request("a") + request("b", more="Connection: close\r\n") + request("c"))
        suite.equal("none after close", ([tls.request_id(), tls.request_id()], tls.response()[0]), (["a", "b"], 0))


def write_pipelining(suite, rig):
    """Answers that wait for the store keep their order among those that do not."""
    basic = b64encode(":".join(rig.basic).encode()).decode()
    body = '{"name":"n","permissions":["VIEW"]}'
    create = (f"POST /tokens HTTP/1.1\r\nHost: jeton\r\nAuthorization: Basic {basic}\r\nX-Request-Id: %s\r\n"
              f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    with Tls(rig) as tls:
        names = [f"w{i}" for i in range(60)]
        tls.send(b"".join(request(name) if i % 3 else (create % name).encode() for i, name in enumerate(names)))
        answers = [tls.response() for _ in names]
        suite.equal("order", [re.search(rb"X-Request-Id: (\S+)", head).group(1).decode() for _, head, _ in answers], names)
        suite.equal("statuses", [status for status, _, _ in answers], [200 if i % 3 else 201 for i in range(60)])


def methods_and_versions(suite, rig):
    with Tls(rig) as tls:
        tls.send(request("h", "HEAD") + request("g"))
        status, head, _ = tls.response(head_only=True)
        suite.check("HEAD has the length only", status == 200 and b"Content-Length: " in head)
        suite.equal("GET behind it", tls.request_id(), "g")
        tls.send(b"GET /health/alive HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        suite.check("1.0 keep-alive", b"Connection: keep-alive" in tls.response()[1])
        tls.send(b"GET /health/alive HTTP/1.0\r\n\r\n")
        suite.equal("1.0", tls.response()[0], 200)
        suite.equal("1.0 ends", tls.response()[0], 0)
    with Tls(rig) as tls:
        tls.send(request("e", "POST", "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"))
        suite.equal("100", tls.response()[0], 100)
        tls.send(b"{}")
        suite.check("then the answer", tls.response()[0] >= 400)
        suite.check("one 100 only", not tls.buffer)


def refusals(suite, rig):
    """The whole answer arrives, and then close_notify, however much the client still sends."""
    for name, head, status in (("garbage", b"\x00\x01\x02\r\n\r\n", 400), ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
                               ("version", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
                               ("head", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000, 431),
                               ("body", b"POST /tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n", 413)):
        for extra in (0, 300000):
            with Tls(rig) as tls:
                tls.send(head)
                try:
                    tls.send(b"x" * extra)
                except OSError:
                    pass
                got, text, _ = tls.response()
                suite.equal(f"{name} and {extra} more bytes", (got, b"Connection: close" in text), (status, True))
                suite.equal(f"{name}: end", tls.response()[0], 0)


def slow_reader(suite, rig):
    """A client that does not read holds up nobody, and gets everything once it reads."""
    with Tls(rig) as slow, Tls(rig) as other:
        slow.tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.tls.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        names = [f"s{i}" for i in range(4000)]
        data = b"".join(map(request, names))
        slow.tls.settimeout(0.3)
        while data:  # until the server takes no more
            try:
                data = data[slow.tls.send(data[:16384]):]
            except (ssl.SSLWantWriteError, TimeoutError):
                break
        suite.check("the server stops to read", data)
        begin = time.monotonic()
        for _ in range(100):
            other.send(GET)
            other.response()
        suite.check("others", time.monotonic() - begin < 2, time.monotonic() - begin)
        slow.send_while_reading(data)
        suite.equal("all in order", [slow.request_id() for _ in names], names)


def request_time(suite, rig):
    """One byte a second is not enough: the request has 15 seconds, whatever trickles in."""
    with Tls(rig) as tls:
        begin = time.monotonic()
        tls.tls.settimeout(1)
        for byte in request("x" * 100):
            tls.send(bytes([byte]))
            try:
                if tls.tls.recv(100) == b"":
                    break
            except TimeoutError:
                pass
            except OSError:
                break
        suite.check("after 15 s", 13 < time.monotonic() - begin < 18, time.monotonic() - begin)


def in_use(rig):
    """The newest memory line of the console: (bytes, chunks)."""
    lines = re.findall(r"heap in use: (\d+) bytes in (\d+) chunks", rig.console())
    return tuple(map(int, lines[-1])) if lines else (0, 0)


def settled(rig):
    with Tls(rig) as tls:
        tls.send(GET)
        tls.response()
    time.sleep(0.3)
    return in_use(rig)


def memory_returns(suite, rig):
    """1,000 connections opened and dropped in every way leave no memory behind."""
    settled(rig)
    before = settled(rig)
    for i in range(1000):
        tls = Tls(rig, plain=i % 4 >= 2)
        if i % 4 == 0:  # with answers in flight
            tls.send(GET * 3)
            tls.close()
        elif i % 4 == 1:  # without close_notify
            os.close(tls.tls.detach())
        else:  # in the middle of a handshake, by FIN or by reset
            tls.tcp.send(b"\x16\x03\x01\x02\x00\x01\x00")
            if i % 4 == 3:
                tls.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            tls.close()
    time.sleep(12)  # TIME_WAIT
    after = settled(rig)
    suite.check("memory", after[0] <= before[0] and after[1] <= before[1], f"{before} before, {after} after")


def port_again(suite, rig):
    """A client that comes again from a port that is in TIME_WAIT here is taken at its second SYN."""
    def dial():
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plain.settimeout(20)
        plain.bind(("", 45678))
        plain.connect(ADDRESS)
        return plain

    for i in range(3):
        begin = time.monotonic()
        with within(rig.namespace, dial) as plain:
            suite.check(f"connected, {i}", time.monotonic() - begin < 6, f"{time.monotonic() - begin:.1f} s")
            plain.sendall(GET)  # no TLS: an alert, and the instance ends first
            while plain.recv(4096):
                pass
        time.sleep(0.5)


def open_until_refused(rig, source, most=2000):
    opened = []
    try:
        while len(opened) < most:
            tls = Tls(rig, source)
            tls.send(GET)
            tls.response()
            opened.append(tls)
    except OSError:
        pass
    return opened


def bounded(suite, rig):
    """With little memory: one address gets its share, another one is still served, and idle ones make room."""
    prefix = rig.info["exec_prefix"].split()
    for last in (3, 4):
        subprocess.run([*prefix, "ip", "address", "add", f"10.77.0.{last}/24", "dev", "jeton0"], check=True)
    first = open_until_refused(rig, "10.77.0.1")
    suite.check("one address is bounded", 20 < len(first) < 2000, len(first))
    second = open_until_refused(rig, "10.77.0.3", 3)
    suite.equal("another is served", len(second), 3)
    time.sleep(1.2)
    third = open_until_refused(rig, "10.77.0.4", len(first))
    suite.check("idle ones make room", len(third) > len(first) / 2, len(third))
    for tls in first + second + third:
        tls.close()
    time.sleep(0.5)
    suite.equal("served after it", len(open_until_refused(rig, "10.77.0.1", 5)), 5)


IDLE_COUNT = 2000
STALL_S = 0.04  # what a delayed acknowledgement lets a sender wait, if it waits for one


def many_idle(suite, rig):
    """Two thousand TLS connections at a time in 128 MiB, each of them still served."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    opened = open_until_refused(rig, None, IDLE_COUNT)
    suite.equal("all of them are taken", len(opened), IDLE_COUNT)
    served = 0
    for tls in opened[::50]:
        tls.send(GET)
        served += tls.response()[0] == 200
    suite.equal("and are served", served, len(opened[::50]))
    for tls in opened:
        tls.close()


def no_stall(suite, rig):
    """An answer of many segments comes at once: neither Nagle nor a window waits for the client's delayed ACK."""
    whole = b"GET /openapi.json HTTP/1.1\r\nHost: jeton\r\n\r\n"
    for name, messages in (("one after the other", [whole]), ("a small one before it", [GET, whole])):
        with Tls(rig) as tls:
            taken = []
            for _ in range(20):
                begin = time.monotonic()
                tls.send(b"".join(messages))
                for _ in messages:
                    size = len(tls.response()[2])
                taken.append(time.monotonic() - begin)
            suite.check(f"many segments, {name}", size > 40000, size)
            suite.check(f"no stall, {name}", statistics.median(taken) < STALL_S / 2, sorted(taken))


def checksum(data):
    """RFC 1071, of an even number of bytes."""
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")


def forged_syn(source, port):
    """An IPv4 packet that asks for a connection in a stranger's name."""
    there = socket.inet_aton(ADDRESS[0])
    segment = port.to_bytes(2, "big") + (443).to_bytes(2, "big") + os.urandom(4) + bytes(4) + b"\x50\x02\xff\xff"
    pseudo = source + there + b"\0\6\0\x14"
    segment += checksum(pseudo + segment + bytes(4)) + bytes(2)
    return b"\x45\0\0\x28" + os.urandom(2) + b"\0\0\x40\6\0\0" + source + there + segment


def syn_flood(suite, rig):
    """Requests to connect that nobody stands behind keep nobody out."""
    raw = within(rig.namespace, socket.socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    served = 0
    for i in range(40):
        for j in range(50):
            source = bytes([10, 77, 0, 20 + j]) if i % 2 else bytes([198, 51, 100, j])
            raw.sendto(forged_syn(source, 1024 + i * 50 + j), ADDRESS)
        try:
            with Tls(rig) as tls:
                tls.send(GET)
                served += tls.response()[0] == 200
        except OSError:
            pass
    raw.close()
    suite.check("served during 2,000 forged SYNs", served >= 38, served)


def main():
    suite = Suite()
    with Rig(platform="linux", options=["--option", "log=debug"]) as rig:
        suite.run("split everywhere", split_everywhere, rig)
        suite.run("pipelining", pipelining, rig)
        suite.run("pipelined writes", write_pipelining, rig)
        suite.run("methods and versions", methods_and_versions, rig)
        suite.run("refusals", refusals, rig)
        suite.run("slow reader", slow_reader, rig)
        suite.run("SYN flood", syn_flood, rig)
        suite.run("request time", request_time, rig)
        suite.run("port again", port_again, rig)
        suite.run("no stall", no_stall, rig)
        suite.run("memory returns", memory_returns, rig)
    with Rig(platform="linux", memory_mib=16) as rig:
        suite.run("bounds", bounded, rig)
    with Rig(platform="linux", memory_mib=128) as rig:
        suite.run("many idle ones", many_idle, rig)
    suite.finish()


if __name__ == "__main__":
    main()
