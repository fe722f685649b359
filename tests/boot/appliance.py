"""A booted appliance and its client, for the boot tests: starts and stops rigs, speaks HTTPS, counts checks.

Only Python's standard library. Servers listen on loopback (qemu) or in the rig's own network namespace (linux).
"""

import base64
import collections
import ctypes
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
from urllib.parse import urlsplit

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "images"))  # machine.py, for tests that look under the rig
RIG = os.path.join(ROOT, "images", "rig")
PLATFORM = os.environ.get("JETON_PLATFORM", "qemu")  # of a rig that is not asked for another: linux is quicker
OPENAPI_CHECK = os.path.join(ROOT, "tests", "clients", "openapi_check.py")
SKIP_EXIT = 77


CLONE_NEWNET = 0x40000000


def within(namespace, function, *arguments):
    """function(*arguments) inside a named network namespace ("": our own); only this thread changes, and back."""
    if not namespace:
        return function(*arguments)
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as own, open(f"/run/netns/{namespace}") as other:
        if libc.setns(other.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return function(*arguments)
        finally:
            libc.setns(own.fileno(), CLONE_NEWNET)


def connect_within(namespace, address, timeout_s):
    """A TCP connection made inside a namespace."""
    return within(namespace, socket.create_connection, address, timeout_s)


class Connection(http.client.HTTPSConnection):
    """HTTPS to an instance, wherever it lives."""

    def __init__(self, address, namespace, context, timeout_s):
        super().__init__(*address, context=context, timeout=timeout_s)
        self.address, self.namespace, self.tls = address, namespace, context

    def connect(self):
        plain = connect_within(self.namespace, self.address, self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.address[0])


class Exchanges:
    """What Clients asked and got, to be held against the API's description when the suite ends; a sample of it where
    many are alike."""

    ALIKE_MAX = 60

    def __init__(self):
        self.kept = []
        self.alike = collections.Counter()

    def note(self, method, path, headers, body, reply, lax=False):
        """Remember one; `lax`: its request may be granted without being one that the description allows."""
        if isinstance(body, bytes):
            body = body.decode(errors="replace")
        kind = method, re.sub(r"[0-9a-f]{8}-[-0-9a-f]{27}", "{id}", path.partition("?")[0]), reply.status
        self.alike[kind] += 1
        if self.alike[kind] <= self.ALIKE_MAX:
            self.kept.append({"method": method, "target": path, "headers": headers, "body": body or "",
                              "status": reply.status, "answer_headers": dict(reply.headers), "answer": reply.text,
                              "lax": lax})

    def check(self, suite):
        """One check of `suite`: tests/clients/openapi_check.py is content."""
        if not self.kept:
            return
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.writelines(json.dumps(exchange) + "\n" for exchange in self.kept)
            file.flush()
            done = subprocess.run([OPENAPI_CHECK, file.name], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=300, check=False)
        if done.returncode == SKIP_EXIT:
            suite.skipped += 1
        else:
            print(done.stdout.strip().rpartition("\n")[2], flush=True)
            suite.check("exchanges are as the API's description says", done.returncode == 0, done.stdout + done.stderr)


EXCHANGES = Exchanges()


class Reply:
    """One answer: status, headers, text and, where it is JSON, its value."""

    def __init__(self, status, headers, text):
        self.status = status
        self.headers = headers
        self.text = text
        self.json = json.loads(text) if text and "json" in headers.get("Content-Type", "") else None

    def __repr__(self):
        return f"<{self.status} {self.text[:300]!r}>"


class Client:
    """A keep-alive HTTPS connection that trusts only the rig's own certificate."""

    def __init__(self, url, ca_file, timeout_s=20, namespace=""):
        parts = urlsplit(url)
        self.address, self.namespace = (parts.hostname, parts.port or 443), namespace
        self.context = ssl.create_default_context(cafile=ca_file)
        self.timeout_s = timeout_s
        self.connection = None

    def request(self, method, path, body=None, headers=None, basic=None, bearer=None, business=None, lax=False):
        headers = dict(headers or {})
        if basic:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        if bearer:
            headers["Authorization"] = "Bearer " + bearer
        if business:
            headers["x-business-id"] = business
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        if self.connection is None:
            self.connection = Connection(self.address, self.namespace, self.context, self.timeout_s)
        try:
            self.connection.request(method, path, body=body, headers=headers)
            response = self.connection.getresponse()
            reply = Reply(response.status, response.headers, response.read().decode())
        except Exception:
            self.close()
            raise
        EXCHANGES.note(method, path, headers, body, reply, lax)
        return reply

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Rig:
    """One appliance with a state directory of its own; a context manager that leaves nothing behind."""

    def __init__(self, platform=PLATFORM, machine="q35", disk=None, memory_mib=None, options=(), boot=True):
        self.directory = tempfile.mkdtemp(prefix="jeton-rig-")
        self.arguments = ["--platform", platform, "--state", self.directory]
        if platform == "qemu":
            self.arguments += ["--machine", machine]
        if disk:
            self.arguments += ["--disk", disk]
        if memory_mib:
            self.arguments += ["--memory", str(memory_mib)]
        if platform == "qemu" and "JETON_IMAGE" in os.environ:  # a copy, while build/ is being rebuilt
            self.arguments += ["--image", os.environ["JETON_IMAGE"]]
        self.arguments += list(options)
        self.boot = boot
        self.info = None
        self.basic = None
        self.namespace = ""

    def __enter__(self):
        try:
            return self.up() if self.boot else self
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def __exit__(self, *_):
        if self.info:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def try_up(self):
        """Start; the finished process of `rig up`."""
        return subprocess.run([RIG, "up", *self.arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=120, check=False)

    def up(self):
        done = self.try_up()
        if done.returncode != 0:
            raise RuntimeError(f"rig up failed ({done.returncode}): {done.stdout}{done.stderr}")
        self.info = json.loads(done.stdout.strip().splitlines()[-1])
        self.basic = (self.info["client_id"], self.info["client_secret"])
        prefix = self.info["exec_prefix"].split()
        self.namespace = prefix[-1] if prefix[:3] == ["ip", "netns", "exec"] else ""
        return self

    def client(self, timeout_s=20):
        return Client(self.info["url"], self.info["ca_file"], timeout_s, self.namespace)

    def _stop(self, verb):
        info, self.info = self.info, None
        subprocess.run([RIG, verb, self.directory], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, timeout=60)
        return info

    def down(self):
        return self._stop("down")

    def kill(self):
        """Cut the power."""
        return self._stop("kill")

    def console(self):
        with open(self.info["console"], errors="replace") as file:
            return file.read()


class Suite:
    """Named checks; prints each failure, and the count as the last line."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def check(self, name, condition, detail=""):
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL {name}: {detail}", flush=True)
        return condition

    def equal(self, name, got, expected):
        return self.check(name, got == expected, f"got {got!r}, expected {expected!r}")

    def run(self, name, function, *arguments):
        """One scenario; an exception in it is a failure with its traceback."""
        begin = time.monotonic()
        try:
            function(self, *arguments)
        except Exception:  # a scenario that broke is a finding, not the end of the others
            self.check(name, False, traceback.format_exc())
        print(f"{name}: {time.monotonic() - begin:.1f} s", flush=True)

    def finish(self):
        EXCHANGES.check(self)
        more = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{more}")
        sys.exit(1 if self.failed or not self.passed + self.skipped else 0)


def make_user(client, basic, tenant, email="ada@example.com", capabilities=("withdrawal.create",)):
    """A user of the tenant with a first family-1 token: (user, dz_ token)."""
    user = client.post("/admin/v1/users", {"email": email, "tenants": [tenant], "capabilities": list(capabilities)},
                       basic=basic)
    assert user.status == 201, user
    token = client.post(f"/admin/v1/users/{user.json['id']}/tokens", {"tenant": tenant, "name": "first"}, basic=basic)
    assert token.status == 201, token
    return user.json, token.json["token"]


def first_tenant(client, basic):
    tenants = client.get("/admin/v1/tenants", basic=basic)
    assert tenants.status == 200, tenants
    return tenants.json["data"][0]["id"]
