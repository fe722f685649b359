"""An upstream for the tests of the command gateway: HTTP and HTTPS by hand, so that it can also answer wrongly; the
certificates it needs; and a DNS server with one name."""

import os
import socket
import ssl
import struct
import subprocess
import threading
import time

from appliance import within

BIG = 16384  # the largest body that is relayed


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=60)


class Authority:
    """A CA in a directory of its own, made by openssl."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        self.key, self.certificate = self.path("key"), self.path("pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days", "30",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def path(self, kind):
        return os.path.join(self.directory, f"{self.name}.{kind}")

    def pem(self):
        with open(self.certificate) as file:
            return file.read()

    def server(self, name, subject_names, days="30"):
        """A TLS context with a certificate for `subject_names` ("DNS:a,IP:1.2.3.4")."""
        key, request, certificate, more = (os.path.join(self.directory, f"{name}.{kind}")
                                           for kind in ("key", "csr", "pem", "ext"))
        with open(more, "w") as file:
            file.write(f"subjectAltName={subject_names}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-sha256", "-days", days, "-extfile", more, "-out", certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


def reply(status, body=b"", *headers, reason="X"):
    lines = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


JSON = "Content-Type: application/json"

# By the last part of the path: what is sent back, in pieces with seconds between; None ends the connection.
ANSWERS = {
    "ok": [reply(200, b'{"ok":true}', JSON)],
    "created": [reply(201, b'{"id":"w-1"}', "Content-Type: application/vnd.bank+json; charset=utf-8")],
    "nothing": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "text": [reply(200, b"done", "Content-Type: text/plain")],
    "bare": [reply(200, b"done")],
    "refused": [reply(422, b'{"error":"insufficient funds"}', JSON)],
    "missing": [reply(404, b'{"error":"no account"}', JSON)],
    "teapot": [reply(418)],
    "denied": [reply(401, b"{}", JSON, "WWW-Authenticate: Basic")],
    "moved": [reply(302, b"", "Location: /ok")],
    "failed": [reply(500, b'{"error":"boom"}', JSON)],
    "busy": [reply(503, b"", "Retry-After: 1")],
    "interim": [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply(200, b"{}", JSON)],
    "chunked": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n3;x=y\r\n{\"a\r\n",
                0.05, b"4\r\n\":1}\r\n0\r\nTrailer: t\r\n\r\n"],
    "pieces": [bytes([byte]) for byte in reply(200, b'{"ok":true}', JSON)],
    "to-end": [b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n", 0.05, b"until the end", None],
    "big": [reply(200, b"x" * BIG, "Content-Type: text/plain")],
    "too-big": [reply(200, b"x" * (BIG + 1), "Content-Type: text/plain")],
    "too-big-to-end": [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (BIG + 1), None],
    "garbage": [b"\x16\x03\x01 not HTTP at all\r\n\r\n"],
    "both": [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"],
    "midway": [b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"half\":", None],
    "silent-end": [None],
    "more": [reply(200, b"{}", JSON) + b"HTTP/1.1 200 OK\r\n"],
    "closing": [reply(200, b"{}", JSON, "Connection: close"), None],
    "closing-quietly": [reply(200, b"{}", JSON), 0.2, None],
    "slow": [15],
    "drip": [0.5, b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"] + [b"x", 0.5] * 40,
    "late": [1.5, reply(200, b'{"late":true}', JSON)],
}


class Request:
    def __init__(self, head, body, connection):
        lines = head.decode().split("\r\n")
        self.line = lines[0]
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        self.body = body
        self.connection = connection  # number of the TCP connection, from 1


class Upstream:
    """Listens in a namespace; remembers what came."""

    def __init__(self, namespace, address, context=None):
        self.listener = within(namespace, socket.create_server, (address, 0))
        self.port = self.listener.getsockname()[1]
        self.context = context
        self.requests = []
        self.connections = 0
        self.ended = False
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while not self.ended:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(plain, self.connections), daemon=True).start()

    def serve(self, plain, number):
        try:
            plain.settimeout(20)
            with self.context.wrap_socket(plain, server_side=True) if self.context else plain as connection:
                while self.answer(connection, number):
                    pass
                if self.context:
                    connection.unwrap()
        except OSError:  # it went away, or did not like our certificate
            pass

    def answer(self, connection, number):
        """One request; False when the connection is to end."""
        buffer = b""
        while b"\r\n\r\n" not in buffer:
            data = connection.recv(65536)
            if not data:
                return False
            buffer += data
        head, _, body = buffer.partition(b"\r\n\r\n")
        request = Request(head, b"", number)
        while len(body) < int(request.headers["content-length"]):
            body += connection.recv(65536)
        request.body = body
        self.requests.append(request)
        for step in ANSWERS.get(request.line.split()[1].rsplit("/", 1)[1], ANSWERS["ok"]):
            if step is None:
                return False
            if isinstance(step, bytes):
                connection.sendall(step)
            else:
                time.sleep(step)
        return True


class Names:
    """A DNS server that knows one name: upstream.test, at the address it runs on."""

    def __init__(self, namespace, address):
        self.address = address
        self.asked = []
        self.socket = within(namespace, socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            self.asked.append((query[:2], peer[1]))
            known = b"\x08upstream\x04test\x00" in query
            head = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, int(known), 0, 0)
            record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(self.address) if known else b""
            self.socket.sendto(head + query[12:] + record, peer)
