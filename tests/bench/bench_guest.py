"""The image against Debian's cloud kernel with nginx: QEMU's microvm in software emulation, the same network for both."""

import os
import statistics

from appliance import Rig
from bench_boot import Boot, in_directory
import guest
import load
from load import RUNS, Work, alternate, row
import machine  # of images/, through appliance
from peers import UNLIMITED, action_token, introspection, request

SECONDS = 3
PEER = "Linux guest, nginx"


def compared(name, unit, ours, theirs, goal):
    return row(name, unit, ours, (PEER, theirs), goal)


def guest_image():
    """What QEMU is given: our image; their kernel and initramfs."""
    guest.build()
    yield compared("bytes of the image", "KiB", os.path.getsize(machine.IMAGE) / 1024, guest.image_bytes() / 1024, "<= 1/20")


def guest_boot():
    """Exec of QEMU to the first HTTPS 200, with a state, in turn."""
    guest.build()

    def measure(directory):
        boot, times = Boot(directory, "microvm", "virtio"), ([], [])
        boot.once()
        for _ in range(RUNS):
            times[0].append(boot.once())
            with guest.Guest() as linux:
                times[1].append(linux.answered_s)
        return map(statistics.median, times)
    yield compared("exec to first HTTPS 200, microvm", "s", *in_directory(measure), "<= 1/20")


def smallest(sizes, serves):
    """The first size that serves, as all above it do."""
    low, high = 0, len(sizes) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if serves(sizes[middle]) else (middle + 1, high)
    return sizes[low]


def guest_memory():
    """The smallest -m with which each serves."""
    guest.build()

    def jeton_serves(memory_mib):
        try:
            in_directory(lambda directory: Boot(directory, "microvm", "virtio", memory_mib).once())
            return True
        except (machine.BootError, OSError, AssertionError):
            return False

    def guest_serves(memory_mib):
        try:
            with guest.Guest(memory_mib):
                return True
        except (machine.BootError, OSError, AssertionError):
            return False
    yield compared("smallest memory that serves, microvm", "MiB", smallest(range(6, 34), jeton_serves),
                   smallest(range(48, 258, 2), guest_serves), "<= 1/8")


def guest_load():
    """Full handshakes, and requests on kept connections, each in turn on both running machines."""
    guest.build()
    with Rig(machine="microvm", disk="virtio", options=UNLIMITED) as rig, guest.Guest() as linux:
        info = rig.info
        jeton = load.Target("jeton", ("127.0.0.1", int(info["url"].rpartition(":")[2])), info["ca_file"],
                            lambda: [info["pid"]])
        for pid in (info["pid"], linux.process.pid):
            load.pin_server(pid)
        token = action_token(rig)
        static = request("GET", "/static.json")
        for name, goal, ours, options in (
                ("full TLS 1.3 connections, microvm", 4, (request("GET", "/health/alive"), "alive"),
                 {"mode": "full", "connections": 4}),
                ("introspect, keep-alive, 16 connections, microvm", 2,
                 (introspection("/oauth/introspect", token, rig.basic), '"active":true'), {"connections": 16})):
            works = [Work(jeton, rig.directory, *ours, **options),
                     Work(linux.target(), rig.directory, static, '"active":true', **options)]
            alternate(works, SECONDS)
            yield compared(name, "1/s", *(work.median("per_s") for work in works), goal)


BENCHMARKS = (guest_image, guest_boot, guest_memory, guest_load)
