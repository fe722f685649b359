"""Whom Jeton is compared with, on the same machine: nginx, nginx with Lua and Redis, Redis, oidc-provider; and Jeton.

All run within one rig's networks: the client in the rig's namespace, Jeton behind its TAP there, the peers in a namespace
of their own at the other end of a veth pair. Each is ended by its own pid.
"""

import base64
import ctypes
import hmac
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time

from appliance import ROOT, Client, Rig, first_tenant, make_user
import load

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT_ADDRESS, PEER_ADDRESS = "10.78.0.1", "10.78.0.2"
NGINX_MODULES = "/usr/lib/nginx/modules"
STATIC = '{"active":true,"padding":"' + "x" * 172 + '"}'  # 200 bytes
INTROSPECTED = json.dumps({"active": True, "client_id": "bench", "scope": "VIEW", "padding": "x" * 120}, separators=(",", ":"))
UNLIMITED = [word for name in ("rate_issue", "rate_tenant", "rate_auth") for word in ("--option", f"{name}=0")]


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, **more)


def die_with_parent():
    """In the child: end when the bench does (prctl(2))."""
    ctypes.CDLL(None).prctl(1, 15)


def descendants(pid):
    """A process and all below it."""
    found = [pid]
    for child in read_text(f"/proc/{pid}/task/{pid}/children").split():
        found += descendants(int(child))
    return found


def read_text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def make_certificate(folder, address):
    """certificate.pem and key.pem: P-256, signed by itself, as Jeton's."""
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
        "-subj", "/CN=peer", "-addext", f"subjectAltName=IP:{address}", "-keyout", os.path.join(folder, "key.pem"),
        "-out", os.path.join(folder, "certificate.pem"))


def nginx_configuration(**words):
    """peers/nginx.conf with its @words@ filled in."""
    text = read_text(os.path.join(HERE, "peers", "nginx.conf"))
    for word, value in ({"modules": "", "locations": "", "packages": ""} | words).items():
        text = text.replace(f"@{word}@", str(value))
    return text


class Ring:
    """Jeton as a Linux process, the peers' network, and what was started there; a context manager."""

    def __init__(self, memory_mib=256):
        # Room for what a quiet machine creates in all runs of a row.
        self.rig = Rig(platform="linux", memory_mib=memory_mib, options=[*UNLIMITED, "--option", "flash_size=1024"])
        self.folder = tempfile.mkdtemp(prefix="jeton-bench-")
        self.namespace = f"{os.path.basename(self.folder)}"
        self.processes = []
        self.secret = secrets.token_hex(16)  # of the peer's MACs

    def __enter__(self):
        try:
            self.rig.__enter__()
            load.pin_server(self.rig.info["pid"])
            self.make_network()
            make_certificate(self.folder, PEER_ADDRESS)
            os.chmod(self.folder, 0o755)  # nginx's worker is of another user
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.rig.__exit__()
        subprocess.run(["ip", "netns", "del", self.namespace], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_network(self):
        run("ip", "netns", "add", self.namespace)
        near, far = self.rig.namespace, self.namespace
        run("ip", "-n", near, "link", "add", "peer0", "type", "veth", "peer", "name", "peer1", "netns", far)
        for namespace, device, address in ((near, "peer0", CLIENT_ADDRESS), (far, "peer1", PEER_ADDRESS)):
            run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", device)
            run("ip", "-n", namespace, "link", "set", device, "up")
        run("ip", "-n", far, "link", "set", "lo", "up")
        run("ip", "netns", "exec", near, "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def start(self, name, command, ready, cwd=None, executable=None):
        """Start a server of the peers on the servers' core; a Target's pids() for it, once `ready()` holds."""
        with open(self.path(name + ".log"), "wb") as log:
            process = subprocess.Popen(["ip", "netns", "exec", self.namespace, "taskset", "-c", str(load.CORES[0]),
                                        *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd,
                                       executable=executable, preexec_fn=die_with_parent)
        self.processes.append(process)
        end = time.monotonic() + 20
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{name} did not start: {read_text(self.path(name + '.log'))[:2000]}")
            time.sleep(0.05)
        return lambda: descendants(process.pid)

    def listens(self, port):
        """Whether a peer listens there."""
        lines = run("ip", "netns", "exec", self.namespace, "ss", "-Htln", f"sport = :{port}", text=True).stdout
        return lines.strip() != ""

    def target(self, name, port, pids):
        return load.Target(name, (PEER_ADDRESS, port), self.path("certificate.pem"), pids, self.rig.namespace)

    # ---- those who are compared ----

    def jeton(self):
        info = self.rig.info
        host, port = info["url"].split("//")[1].split(":")
        return load.Target("jeton", (host, int(port)), info["ca_file"], lambda: [info["pid"]], self.rig.namespace)

    def nginx(self, name, port, locations="", modules=(), packages=""):
        """nginx with one worker, and the files static.json and all that `locations` say."""
        folder = self.path(f"nginx-{port}")
        os.makedirs(os.path.join(folder, "files"))
        for file in ("key.pem", "certificate.pem"):
            shutil.copy(self.path(file), folder)
        with open(os.path.join(folder, "files", "static.json"), "w", encoding="ascii") as file:
            file.write(STATIC)
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(nginx_configuration(
                modules="".join(f"load_module {NGINX_MODULES}/{module};\n" for module in modules), packages=packages,
                address=PEER_ADDRESS, port=port, locations=locations.replace("@folder@", self.folder).replace("@secret@", self.secret)))
        pids = self.start(name.replace(" ", "-"), ["nginx", "-p", folder + "/", "-e", "stderr", "-c", path],
                          lambda: self.listens(port))
        return self.target(name, port, pids)

    def redis(self, name, port, durable):
        """Redis over TLS, or with port 0 at the socket redis.sock; the same program as redis-check-rdb."""
        folder = self.path(f"redis-{port}")
        os.makedirs(folder)
        options = {"port": 0, "dir": folder, "save": '""', "appendonly": "yes" if durable else "no",
                   "appendfsync": "always", "io-threads": 1}
        if port == 0:
            options |= {"unixsocket": self.path("redis.sock"), "unixsocketperm": "777"}
        else:
            options |= {"tls-port": port, "bind": PEER_ADDRESS, "tls-cert-file": self.path("certificate.pem"),
                        "tls-key-file": self.path("key.pem"), "tls-auth-clients": "no", "protected-mode": "no",
                        "tls-ca-cert-file": self.path("certificate.pem")}
        configuration = os.path.join(folder, "redis.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.writelines(f"{option} {value}\n" for option, value in options.items())
        server = os.path.join(folder, "redis-server")  # it goes by its name
        os.symlink(shutil.which("redis-check-rdb"), server)
        pids = self.start(name, [server, configuration],
                          lambda: os.path.exists(self.path("redis.sock")) if port == 0 else self.listens(port))
        return self.target(name, port, pids)

    def lua_store(self, port, durable, token=""):
        """nginx, Lua and Redis as a token store, which knows the rig's root credential, and `token`."""
        redis = self.redis(f"redis-{port}-store", 0, durable)
        nginx = self.nginx("nginx, Lua, Redis", port, read_text(os.path.join(HERE, "peers", "store.conf")),
                           ("ndk_http_module.so", "ngx_http_lua_module.so"),
                           'lua_package_path "/usr/share/lua/5.1/?.lua;;"; lua_code_cache on;')
        client_id, secret = self.rig.basic
        self.redis_do("hset", "client:" + client_id, "secret", self.mac(secret), "permissions", "VIEW TRANSACT MANAGE")
        if token:
            self.redis_do("set", "token:" + self.mac(token), INTROSPECTED)
        return load.Target(nginx.name, nginx.address, nginx.ca_file, lambda: redis.pids() + nginx.pids(),
                           nginx.namespace)

    def mac(self, text):
        """As the store keeps secrets."""
        return base64.b64encode(hmac.digest(self.secret.encode(), text.encode(), "sha1")).decode()

    def redis_do(self, *words):
        run("redis-cli", "-s", self.path("redis.sock"), *words)

    def oidc_provider(self, port):
        """(target, its Basic credential, an access token of it)."""
        secret = secrets.token_hex(18)
        pids = self.start("oidc-provider", ["node", os.path.join(HERE, "peers", "oidc.mjs"), PEER_ADDRESS, str(port),
                                            self.path("key.pem"), self.path("certificate.pem"), secret],
                          lambda: self.listens(port), cwd=os.path.join(ROOT, "build", "bench", "peers"))
        target = self.target("oidc-provider", port, pids)
        granted = grant(target, "/token", ("bench", secret))
        return target, ("bench", secret), granted


def grant(target, path, basic):
    """An access token by client credentials."""
    client = Client(f"https://{target.address[0]}:{target.address[1]}", target.ca_file, namespace=target.namespace)
    reply = client.post(path, "grant_type=client_credentials", basic=basic,
                        headers={"Content-Type": "application/x-www-form-urlencoded"})
    client.close()
    assert reply.status == 200, reply
    return reply.json["access_token"]


def action_token(rig):
    """A token of a user of Jeton that is looked up, not only verified; it lives for 300 s."""
    client = rig.client()
    _, bearer = make_user(client, rig.basic, first_tenant(client, rig.basic))
    reply = client.post("/action-tokens", {"action": "withdrawal.create", "withdrawal": {"amount": "1.00"}}, bearer=bearer)
    client.close()
    assert reply.status == 201, reply
    return reply.json["token"]


# ---- requests ----


def request(method, path, body=None, basic=None, content_type="application/json", host="bench"):
    """The bytes of one HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if basic:
        lines.append("Authorization: Basic " + base64.b64encode(":".join(basic).encode()).decode())
    if body is not None:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode()


def introspection(path, token, basic):
    return request("POST", path, f"token={token}", basic, "application/x-www-form-urlencoded")
