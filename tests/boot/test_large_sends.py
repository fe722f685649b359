#!/usr/bin/env python3
"""Large sends: long answers leave as frames that the kernel cuts, or need not cut. A list of tokens is read through a real TAP
from both platforms, by the host itself and by a host behind it whose line takes only segments that were cut and summed up in
software; by IPv4 and by IPv6; and frames larger than a wire's were seen. Needs root.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

from appliance import Client, Rig, Suite, within
import machine  # of images/, through appliance

TOKENS = 99
TAP = "jeton0"
GUEST = "10.77.0.2"
IPV6_OPTIONS = ("ip6=fd00:77::2/64", "gateway6=fd00:77::1")
LIST = f"/tokens?limit={TOKENS + 1}"
WIRE_BYTES = 1514
LATE_S = 10
OFFLOADS_OFF = (0x17, 0x1F, 0x24)  # ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO of linux/ethtool.h
SIOCETHTOOL = 0x8946


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Listener:
    """The sizes of frames that a device brings, while the context lasts."""

    def __init__(self, namespace, device):
        self.raw = within(namespace, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
        self.raw.bind((device, 0))
        self.raw.settimeout(0.2)
        self.largest = 0
        self.over = False

    def listen(self):
        while not self.over:
            with contextlib.suppress(TimeoutError):
                data, address = self.raw.recvfrom(65536)
                if address[2] != socket.PACKET_OUTGOING:
                    self.largest = max(self.largest, len(data))

    def __enter__(self):
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        self.raw.close()


def switch_off(device):
    """No sums and no cutting by this device: the kernel has to do both before it sends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in OFFLOADS_OFF:
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP16x", device.encode(), ctypes.addressof(value))
            with contextlib.suppress(OSError):  # an offload that it never had
                fcntl.ioctl(any_socket, SIOCETHTOOL, request)


@contextlib.contextmanager
def far_host(near):
    """A namespace behind the rig's: its route to the appliance leads over a plain line."""
    far = f"{near}-far"
    ip("netns", "add", far)
    try:
        ip("-n", near, "link", "add", "line0", "type", "veth", "peer", "name", "line1", "netns", far)
        for namespace, device, host in ((near, "line0", 1), (far, "line1", 2)):
            ip("-n", namespace, "addr", "add", f"10.78.0.{host}/24", "dev", device)
            ip("-n", namespace, "addr", "add", f"fd00:78::{host}/64", "dev", device, "nodad")
            ip("-n", namespace, "link", "set", device, "up")
            within(namespace, switch_off, device)
        ip("-n", far, "route", "add", "10.77.0.0/24", "via", "10.78.0.1")
        ip("-n", far, "route", "add", "fd00:77::/64", "via", "fd00:78::1")
        for setting in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
            subprocess.run(["ip", "netns", "exec", near, "sysctl", "-qw", setting], check=True)
        yield far
    finally:
        ip("netns", "del", far)


def make_tokens(suite, client, basic):
    for i in range(TOKENS):
        body = {"name": f"token {i} of many, " + "x" * 180, "permissions": ["VIEW"]}
        suite.equal("a token is made", client.post("/tokens", body, basic=basic).status, 201)
    return client.get(LIST, basic=basic).text


def read_list(suite, name, client, basic, wanted):
    begin = time.monotonic()
    for _ in range(10):
        suite.check(f"{name}: the list is whole", client.get(LIST, basic=basic).text == wanted)
    suite.check(f"{name}: nothing had to be sent again", time.monotonic() - begin < LATE_S)


def look_by(suite, name, url, info, basic, namespace, wanted):
    near = Client(url, info["ca_file"], namespace=namespace)
    with Listener(namespace, TAP) as tap:
        read_list(suite, f"{name}, near", near, basic, wanted)
    suite.check(f"{name}: frames for others to cut", tap.largest > 4 * WIRE_BYTES, tap.largest)
    near.close()
    with far_host(namespace) as far, Listener(far, "line1") as line:
        distant = Client(url, info["ca_file"], namespace=far)
        read_list(suite, f"{name}, far", distant, basic, wanted)
        distant.close()
    suite.check(f"{name}: they were cut for the line", 1000 < line.largest <= WIRE_BYTES, line.largest)


def look(suite, name, info, basic, namespace):
    """The appliance at GUEST, on the TAP in this namespace."""
    ip("-n", namespace, "addr", "add", "fd00:77::1/64", "dev", TAP, "nodad")
    client = Client(info["url"], info["ca_file"], namespace=namespace)
    wanted = make_tokens(suite, client, basic)
    client.close()
    suite.check(f"{name}: a long list", len(wanted) > 30000, len(wanted))
    look_by(suite, f"{name}, IPv4", info["url"], info, basic, namespace, wanted)
    look_by(suite, f"{name}, IPv6", "https://[fd00:77::2]:443", info, basic, namespace, wanted)


def test_process(suite):
    with Rig(platform="linux", options=[word for value in IPV6_OPTIONS for word in ("--option", value)]) as rig:
        look(suite, "process", rig.info, rig.basic, rig.namespace)


@contextlib.contextmanager
def image(namespace, model):
    """The image under QEMU, its card at a TAP in this namespace."""
    state = tempfile.mkdtemp(prefix="jeton-large-")
    settings = {"machine": model, "disk": "virtio", "memory_mib": 64, "accel": "tcg",
                "options": [f"ip={GUEST}/24", "gateway=10.77.0.1", *IPV6_OPTIONS], "image": os.environ.get("JETON_IMAGE")}
    console = machine.new_console(state)
    flash = machine.make_flash(state, "virtio")
    command = machine.qemu_command(settings, state, flash, 0)
    at = command.index("-netdev") + 1
    command[at] = f"tap,id=net,ifname={TAP},script=no,downscript=no"
    process = machine.start(["ip", "netns", "exec", namespace, *command], state, own_life=False)
    try:
        _, fingerprint = machine.wait_ready(process, console, state, 60)
        ca_file = machine.state_path(state, "ca.pem")
        within(namespace, machine.fetch_certificate, GUEST, 443, fingerprint, ca_file)
        with open(machine.state_path(state, "credential.json"), encoding="utf-8") as file:
            credential = json.load(file)
        yield {"url": f"https://{GUEST}:443", "ca_file": ca_file}, (credential["client_id"], credential["client_secret"])
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(state, ignore_errors=True)


def test_image(suite, model):
    namespace = f"jeton-large-{os.getpid()}"
    ip("netns", "add", namespace)
    try:
        ip("-n", namespace, "tuntap", "add", "dev", TAP, "mode", "tap", "vnet_hdr")
        ip("-n", namespace, "addr", "add", "10.77.0.1/24", "dev", TAP)
        ip("-n", namespace, "link", "set", TAP, "up")
        with image(namespace, model) as (info, basic):
            look(suite, model, info, basic, namespace)
    finally:
        ip("netns", "del", namespace)


def main():
    suite = Suite()
    if os.geteuid() != 0:
        print("0 passed, 0 failed, 1 skipped")
        return 77
    suite.run("process", test_process)
    for model in ("q35", "microvm"):
        suite.run(model, test_image, model)
    return suite.finish()


if __name__ == "__main__":
    raise SystemExit(main())
