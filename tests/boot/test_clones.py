#!/usr/bin/env python3
"""Two clones of one snapshot: with an identifier of its own each (QEMU's vmgenid), neither gives a secret that the other
gives, nor draws a random number that the other draws, and each says that it is one. The snapshot is a migration into a file.

Tokens tell times too, which differ; the random of a ServerHello is the generator's alone, and the first that a clone draws.

Ends with 'N passed, N failed, N skipped'; exit code 77 where there is no QEMU.
"""
import json
import os
import shutil
import socket
import sys
import time
import uuid

from appliance import Client, Suite, first_tenant, make_user
import machine  # of images/, through appliance
import tls_hello
from test_crashes import Box

PATIENCE_S = 30
SECRETS = 8
HELLOS = 4


def vmgenid():
    return "-device", f"vmgenid,guid={uuid.uuid4()}"


def execute(box, command, **arguments):
    """One QMP command; its answer."""
    end = time.monotonic() + PATIENCE_S
    while not os.path.exists(box.monitor) and time.monotonic() < end:
        time.sleep(0.01)
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(10)
        monitor.connect(box.monitor)
        answers = monitor.makefile("rb")
        answers.readline()
        for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
            monitor.sendall(json.dumps(request).encode())
            answer = {}
            while "return" not in answer and "error" not in answer:
                answer = json.loads(answers.readline())
        assert "return" in answer, answer
        return answer["return"]


def wait_status(box, command, member, wanted):
    end = time.monotonic() + PATIENCE_S
    while execute(box, command).get(member) != wanted:
        if time.monotonic() > end:
            raise RuntimeError(f"{command}: not {wanted}")
        time.sleep(0.02)


def snapshot(box):
    """Stop the box and write its memory into a file beside its disk."""
    path = os.path.join(box.directory, "snapshot")
    execute(box, "stop")
    execute(box, "migrate", uri=f"exec:cat > {path}")
    wait_status(box, "query-migrate", "status", "completed")
    return path


def server_randoms(port):
    """Of the ServerHellos that some ClientHellos get."""
    found = set()
    for _ in range(HELLOS):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as stream:
            stream.sendall(tls_hello.hello_record())
            answer = b""
            while not tls_hello.split(answer):
                answer += stream.recv(4096)
            kind, body = tls_hello.split(answer)[0]
            assert kind == tls_hello.HANDSHAKE and body[0] == 2, answer
            found.add(body[6:38])
    return found


def clone(box, path, identifier):
    """A running copy of the box, with a disk of its own."""
    copy = Box("q35", [], (*identifier, "-incoming", f"exec:cat {path}", "-S"), before=lambda directory: shutil.copy(
        os.path.join(box.directory, "disk.img"), directory))
    wait_status(copy, "query-status", "status", "paused")
    execute(copy, "cont")
    copy.randoms = server_randoms(copy.port)
    shutil.copy(os.path.join(box.directory, "ca.pem"), copy.directory)
    return copy, Client(f"https://127.0.0.1:{copy.port}", os.path.join(copy.directory, "ca.pem"))


def secrets(client, basic, user, tenant):
    """New tokens."""
    found = set()
    for index in range(SECRETS):
        made = client.post(f"/admin/v1/users/{user['id']}/tokens", {"tenant": tenant, "name": f"n{index}"}, basic=basic)
        assert made.status == 201, made
        found.add(made.json["token"])
    return found


def test_clones(suite):
    with Box("q35", [], vmgenid()) as box:
        client = box.ready()
        basic = box.basic()
        tenant = first_tenant(client, basic)
        user, token = make_user(client, basic, tenant)
        path = snapshot(box)
        first, first_client = clone(box, path, vmgenid())
        second, second_client = clone(box, path, vmgenid())
        with first, second:
            suite.equal("each clone draws its own", (len(first.randoms), len(second.randoms)), (HELLOS, HELLOS))
            suite.check("no random number twice", not first.randoms & second.randoms, first.randoms & second.randoms)
            ours = secrets(first_client, basic, user, tenant)
            theirs = secrets(second_client, basic, user, tenant)
            suite.equal("each clone makes its own", (len(ours), len(theirs)), (SECRETS, SECRETS))
            suite.check("no secret twice", not ours & theirs, ours & theirs)
            suite.check("none of the original", token not in ours | theirs)
            for name, copy in (("first", first), ("second", second)):
                suite.check(f"the {name} clone says that it is one", "this machine is a copy" in copy.text(), copy.text())
        client.close()


def main():
    if shutil.which("qemu-system-x86_64") is None:
        print("qemu-system-x86_64 is not installed")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(77)
    suite = Suite()
    suite.run("clones", test_clones)
    suite.finish()


if __name__ == "__main__":
    main()
