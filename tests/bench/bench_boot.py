"""Size, memory, boot time and idleness of the image under QEMU (software emulation)."""

import os
import shutil
import statistics
import subprocess
import tempfile
import time

from appliance import Client, Rig
import count_lines
from firmware import IMAGES, Disk, Firmware
import machine  # of images/, through appliance
import test_crashes

RUNS = 7
IMAGE_GOAL_BYTES = 1024 * 1024
CHURN_CONNECTIONS = 1000


def row(name, unit, value, goal, met):
    return {"name": name, "unit": unit, "us": value, "goal": goal, "met": met}


class Boot:
    """QEMU started directly, so that nothing but it is in the time from exec to the first answer."""

    def __init__(self, directory, machine_name, disk, memory_mib=64):
        self.directory = directory
        self.settings = {"machine": machine_name, "disk": disk, "memory_mib": memory_mib, "accel": "tcg", "options": []}

    def once(self):
        """Seconds from exec to the first HTTPS 200; then the power is cut."""
        flash = machine.make_flash(self.directory, self.settings["disk"])
        port = next(machine.random_ports())
        console = machine.new_console(self.directory)
        command = machine.qemu_command(self.settings, self.directory, flash, port)
        begin = time.monotonic()
        process = machine.start(command, self.directory, False)
        try:
            _, fingerprint = machine.wait_ready(process, console, self.directory, 60)
            ca_file = os.path.join(self.directory, "ca.pem")
            if not os.path.exists(ca_file):
                machine.fetch_certificate("127.0.0.1", port, fingerprint, ca_file)
            reply = Client(f"https://127.0.0.1:{port}", ca_file).get("/health/ready")
            elapsed_s = time.monotonic() - begin
            assert reply.status == 200, reply
            return elapsed_s
        finally:
            process.kill()
            process.wait()


def in_directory(function):
    directory = tempfile.mkdtemp(prefix="jeton-bench-")
    try:
        return function(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def image_size():
    """The stripped image."""
    size_bytes = os.path.getsize(machine.IMAGE)
    yield row("image, stripped", "KiB", size_bytes / 1024, "<= 1024", size_bytes <= IMAGE_GOAL_BYTES)


def trusted_base():
    """Lines of source that instructions of the image come from."""
    totals = count_lines.count()
    ours = sum(lines for name, (_, lines) in totals.items() if count_lines.is_ours(name))
    theirs = sum(lines for name, (_, lines) in totals.items() if not count_lines.is_ours(name))
    yield row("trusted base, ours", "lines", ours, "<= 12000", ours <= 12000)
    yield row("trusted base, libraries", "lines", theirs, None, None)


def smallest_memory():
    """The smallest -m (a multiple of 2) with which q35 serves from a new flash."""

    def serves(memory_mib):
        try:
            in_directory(lambda directory: Boot(directory, "q35", "pflash", memory_mib).once())
            return True
        except (machine.BootError, OSError, AssertionError):
            return False

    smallest = next((mib for mib in range(8, 66, 2) if serves(mib)), None)
    yield row("smallest memory that serves (q35)", "MiB", smallest, "<= 24", smallest is not None and smallest <= 24)


def boot_times():
    """Exec to first HTTPS 200, with a state and on a new flash."""

    def median_existing(machine_name, disk):
        def measure(directory):
            boot = Boot(directory, machine_name, disk)
            boot.once()
            return statistics.median(boot.once() for _ in range(RUNS))
        return in_directory(measure)

    def median_first(machine_name, disk):
        return statistics.median(in_directory(lambda directory: Boot(directory, machine_name, disk).once())
                                 for _ in range(RUNS))

    for name, disk, goal_s in (("q35", "pflash", 0.30), ("microvm", "virtio", 0.20)):
        value = median_existing(name, disk)
        yield row(f"exec to first HTTPS 200, {name}", "s", value, f"<= {goal_s:.2f}", value <= goal_s)
    for name, disk in (("q35", "pflash"), ("microvm", "virtio")):
        value = median_first(name, disk)
        yield row(f"first boot, keys made, {name}", "s", value, "<= 0.60", value <= 0.60)


def crash_reboot():
    """From a crash (an NMI) to the next answer, over the screen, the reset and the firmware."""

    def measure(machine_name):
        with test_crashes.Box(machine_name, ["crash=reboot"]) as box:
            box.ready().close()
            times_s = []
            for boots in range(1, 6):
                elapsed_s, client = test_crashes.seconds_to_reboot(box, boots)
                client.close()
                times_s.append(elapsed_s)
            return statistics.median(times_s)

    for name in ("q35", "microvm"):
        value = measure(name)
        yield row(f"reboot after a crash, {name}", "s", value, "<= 1", value <= 1)


def from_disk():
    """The UEFI program's first line on the serial console, to the first HTTPS 200: OVMF, state on the same disk."""

    def once(uefi):
        uefi.start()
        while "jeton.efi: starting" not in uefi.console():
            time.sleep(0.0005)
        begin = time.monotonic()
        _, fingerprint = machine.wait_ready(uefi.process, uefi.console_path, uefi.directory, 60)
        ca_file = os.path.join(uefi.directory, "ca.pem")
        if not os.path.exists(ca_file):
            machine.fetch_certificate("127.0.0.1", uefi.port, fingerprint, ca_file)
        reply = Client(f"https://127.0.0.1:{uefi.port}", ca_file).get("/health/ready")
        elapsed_s = time.monotonic() - begin
        assert reply.status == 200, reply
        uefi.kill()
        return elapsed_s

    def measure(directory):
        image = os.path.join(directory, "jeton.img")
        shutil.copyfile(os.path.join(IMAGES, "jeton.img"), image)
        with Firmware(True, [Disk("virtio", image, boot=True)]) as uefi:
            once(uefi)
            return statistics.median(once(uefi) for _ in range(RUNS))

    value = in_directory(measure)
    yield row("UEFI hand-over to first HTTPS 200, disk, OVMF", "s", value, "<= 0.15", value <= 0.15)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle():
    """CPU share of the whole QEMU process while nobody asks."""
    with Rig() as rig:
        time.sleep(2)
        shares = []
        for _ in range(5):
            before = cpu_seconds(rig.info["pid"])
            time.sleep(4)
            shares.append((cpu_seconds(rig.info["pid"]) - before) / 4 * 100)
        value = statistics.median(shares)
        yield row("idle (q35)", "% of a core", value, "<= 1", value <= 1.0)


def heap_in_use(rig):
    """What the appliance says its heap holds while it answers this one connection."""
    client = rig.client()
    text = client.get("/metrics", basic=rig.basic).text
    client.close()
    return int(float(next(line.split()[-1] for line in text.splitlines() if line.startswith("jeton_heap_in_use_bytes"))))


def connection_churn():
    """Heap in use after 1,000 TLS connections were opened and dropped, against before."""
    with Rig() as rig:
        before = heap_in_use(rig)
        for index in range(CHURN_CONNECTIONS):
            client = rig.client()
            assert client.get("/health/alive").status == 200
            if index % 3 == 0:
                client.connection.sock.setblocking(False)  # dropped without close_notify
            client.close()
        time.sleep(1)
        grown = heap_in_use(rig) - before
        yield row("heap left behind by 1,000 connections", "bytes", grown, "0", grown <= 0)


def build_time():
    """A build of the image from nothing, tarballs cached."""
    directory = tempfile.mkdtemp(prefix="jeton-build-")
    try:
        subprocess.run(["git", "clone", "-q", machine.ROOT, directory], check=True)
        begin = time.monotonic()
        subprocess.run(["make", "-C", directory, "build/jeton.elf"], check=True, stdout=subprocess.DEVNULL)
        value = time.monotonic() - begin
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    yield row("build of the image from a clone", "s", value, "<= 180", value <= 180)


BENCHMARKS = (image_size, trusted_base, smallest_memory, boot_times, from_disk, crash_reboot, idle, connection_churn, build_time)
