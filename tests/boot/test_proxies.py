#!/usr/bin/env python3
"""nginx's auth_request and Caddy's forward_auth before a dummy service, with the snippets of images/proxies/.

Everything listens on loopback; the proxies are processes of this test, in a directory of their own.
"""

import base64
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from appliance import ROOT, Rig, Suite, first_tenant, make_user

SNIPPETS = os.path.join(ROOT, "images", "proxies")
HEADERS = ("X-Auth-Principal", "X-Auth-Tenant", "X-Auth-Permissions", "X-Auth-Token-Id")
WAIT_S = 30


class Service(http.server.BaseHTTPRequestHandler):
    """Answers with what reached it."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = {"method": self.command, "path": self.path, "body": body.decode(),
                "headers": {name.lower(): value for name, value in self.headers.items()}}
        text = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def snippet(name, site, port):
    """A snippet that ships, with our addresses and files in place of its own."""
    with open(os.path.join(SNIPPETS, name), encoding="utf-8") as file:
        text = file.read()
    for old, new in (("127.0.0.1:8443", site.appliance), ("127.0.0.1:9000", f"127.0.0.1:{site.service_port}"),
                     ("127.0.0.1:8080", f"127.0.0.1:{port}"), ("/etc/nginx/jeton-ca.pem", site.ca_file),
                     ("/etc/caddy/jeton-ca.pem", site.ca_file)):
        text = text.replace(old, new)
    return text


class Proxy:
    """One proxy process; a context manager that leaves nothing behind."""

    def __init__(self, command, port, environment=None):
        self.command, self.port, self.environment = command, port, dict(os.environ, **(environment or {}))

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, env=self.environment)
        end = time.monotonic() + WAIT_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise RuntimeError(f"{self.command[0]} does not listen: {self.said}")
            time.sleep(0.02)
        return self

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.seek(0)
        self.said = self.log.read().decode(errors="replace")[-3000:]
        self.log.close()


class Site:
    """The appliance with its callers, the service behind, and a directory for the proxies' files."""

    def __init__(self, rig, service_port, directory):
        client, basic = rig.client(), rig.basic
        self.appliance, self.ca_file = rig.info["url"].removeprefix("https://"), rig.info["ca_file"]
        self.service_port, self.directory, self.client, self.basic = service_port, directory, client, basic
        self.tenant = first_tenant(client, basic)
        self.user, jwt = make_user(client, basic, self.tenant)
        self.view, self.transact, self.revoked = (self.make(permissions) for permissions in
                                                  (["VIEW", "MANAGE"], ["TRANSACT"], ["VIEW"]))
        assert client.post(f"/tokens/{self.revoked['id']}/revoke", basic=basic).status == 200
        access = client.post("/oauth/token", {"grant_type": "client_credentials"}, basic=self.pair(self.view))
        self.bearer, self.access = "Bearer " + jwt, "Bearer " + access.json["access_token"]

    def make(self, permissions):
        made = self.client.post("/tokens", {"name": "proxied", "permissions": permissions}, basic=self.basic)
        assert made.status == 201, made
        return made.json

    def pair(self, token):
        return token["clientId"], token["clientSecret"]

    def header(self, token):
        return "Basic " + base64.b64encode(":".join(self.pair(token)).encode()).decode()

    def nginx(self, name, edit=lambda text: text):
        """nginx with the snippet inside the least of a configuration."""
        port, folder = free_port(), os.path.join(self.directory, name)
        os.makedirs(folder)
        temporary = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in
                            ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
        text = (f"daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr;\n"
                f"events {{ }}\nhttp {{ access_log off; {temporary}\n{edit(snippet('nginx.conf', self, port))}\n}}\n")
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return Proxy([shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-p", folder, "-e", "stderr", "-c", path], port)

    def caddy(self, name, edit=lambda text: text):
        port, folder = free_port(), os.path.join(self.directory, name)
        os.makedirs(folder)
        path = os.path.join(folder, "Caddyfile")
        with open(path, "w", encoding="utf-8") as file:
            file.write("{\n\tadmin off\n\tauto_https off\n}\n" + edit(snippet("Caddyfile", self, port)))
        homes = {"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
        return Proxy(["caddy", "run", "--adapter", "caddyfile", "--config", path], port, homes)


def ask(proxy, authorization, method="GET", path="/things?a=b", body=None, more=()):
    """(status, headers, what the service saw or None) of one request through the proxy."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=WAIT_S)
    headers = dict(more) | ({"Authorization": authorization} if authorization else {})
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection.request(method, path, body=body, headers=headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, response.headers, json.loads(text) if response.status == 200 else None


def check_statuses(suite, name, proxy, site):
    cases = {"no credential": (None, 401), "garbage": ("Bearer garbage", 401), "VIEW": (site.header(site.view), 200),
             "access token": (site.access, 200), "no VIEW": (site.header(site.transact), 403),
             "a user has no permissions": (site.bearer, 403), "revoked": (site.header(site.revoked), 401)}
    for case, (authorization, expected) in cases.items():
        status, headers, _ = ask(proxy, authorization)
        suite.equal(f"{name}: {case}", status, expected)
        if status == 401:
            suite.check(f"{name}: {case} challenge", "Basic" in headers.get("WWW-Authenticate", ""), str(headers))


def check_passage(suite, name, proxy, site):
    """What the service sees of an allowed request: all of it, our headers instead of the client's, no secret."""
    spoofed = {header: "spoofed" for header in HEADERS}
    _, _, seen = ask(proxy, site.header(site.view), "POST", "/things?a=b&permission=VIEW", '{"x":1}', spoofed)
    suite.equal(f"{name}: request", (seen["method"], seen["path"], seen["body"]),
                ("POST", "/things?a=b&permission=VIEW", '{"x":1}'))
    got = {header: seen["headers"].get(header.lower()) for header in HEADERS}
    suite.equal(f"{name}: tenant", got["X-Auth-Tenant"], site.tenant)
    suite.equal(f"{name}: permissions", got["X-Auth-Permissions"], "VIEW,MANAGE")
    suite.equal(f"{name}: token", got["X-Auth-Token-Id"], site.view["id"].removeprefix("Token:"))
    suite.check(f"{name}: principal", got["X-Auth-Principal"].startswith("service-accounts/"), got)
    suite.check(f"{name}: no secret goes on", "authorization" not in seen["headers"], seen["headers"])
    for size in (0, 20000, 100000):
        status, _, seen = ask(proxy, site.access, "POST", "/upload", "x" * size)
        suite.equal(f"{name}: {size} bytes of body", (status, seen and len(seen["body"])), (200, size))


def check_user(suite, name, proxy, site):
    """A user's empty permissions replace what the client claims to have."""
    status, _, seen = ask(proxy, site.bearer, more={header: "spoofed" for header in HEADERS})
    suite.equal(f"{name}: user", status, 200)
    suite.equal(f"{name}: principal", seen["headers"]["x-auth-principal"], "users/" + site.user["id"])
    suite.check(f"{name}: no permissions", not seen["headers"].get("x-auth-permissions"), seen["headers"])


def check_all(suite, name, proxy, site):
    check_statuses(suite, name, proxy, site)
    check_passage(suite, name, proxy, site)


def without_keepalive(text):
    """HTTP/1.0 with Connection: close, which is what nginx does by itself."""
    return "\n".join(line for line in text.splitlines() if "keepalive" not in line)


def nginx(suite, site):
    for name, edit in (("nginx", lambda text: text), ("nginx over HTTP/1.0", without_keepalive)):
        with site.nginx(name.replace(" ", "-").replace("/", ""), edit) as proxy:
            check_all(suite, name, proxy, site)
    with site.nginx("nginx-users", lambda text: text.replace("?permission=VIEW", "?capability=withdrawal.create")) as proxy:
        check_user(suite, "nginx for users", proxy, site)
        suite.equal("nginx: a capability that is lacking", ask(proxy, site.header(site.view))[0], 403)


def fails_closed(suite, site):
    """A proxy that cannot make sure of the appliance lets nothing through."""
    with site.nginx("nginx-name", lambda text: text.replace("proxy_ssl_name localhost", "proxy_ssl_name other")) as proxy:
        suite.equal("nginx: another name", ask(proxy, site.access)[0], 500)
    with site.caddy("caddy-name", lambda text: text.replace("name localhost", "name other")) as proxy:
        suite.equal("caddy: another name", ask(proxy, site.access)[0], 502)


def caddy(suite, site):
    with site.caddy("caddy") as proxy:
        check_all(suite, "caddy", proxy, site)
    # Without a query of its own in `uri`, Caddy appends the client's: it can ask for more, never for less.
    with site.caddy("caddy-query", lambda text: text.replace("/verify?permission=VIEW", "/verify")) as proxy:
        check_user(suite, "caddy for users", proxy, site)
        for query, expected in (("", 200), ("?a=b", 200), ("?permission=VIEW", 200), ("?permission=TRANSACT", 403),
                                ("?permission=VIEW&permission=TRANSACT", 403), ("?x=%zz&&=", 200), ("?permission=", 200),
                                ("?permission=no", 403), ("?" + "q" * 3000, 200)):
            suite.equal(f"caddy: client's query {query[:40]}",
                        ask(proxy, site.header(site.view), path="/things" + query)[0], expected)


def main():
    suite = Suite()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Rig() as rig, tempfile.TemporaryDirectory(prefix="jeton-proxies-") as directory:
        site = Site(rig, server.server_address[1], directory)
        suite.run("nginx", nginx, site)
        suite.run("caddy", caddy, site)
        suite.run("fails closed", fails_closed, site)
    server.shutdown()
    suite.finish()


if __name__ == "__main__":
    main()
