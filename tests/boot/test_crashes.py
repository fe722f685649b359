#!/usr/bin/env python3
"""Crashes and hangs of the real image: the screen and its names, the reboot into service and its time, the counter, the
read-only boot after three within a minute, the watchdogs.

Ends with 'N passed, N failed, N skipped'; exit code 77 where there is no QEMU.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import appliance
from appliance import Client, Suite, first_tenant
import machine  # of images/, through appliance

SELFTEST = os.path.join(appliance.ROOT, "build", "boot", "selftest.elf")
SYMBOLIZE = os.path.join(appliance.ROOT, "images", "symbolize")
PATIENCE_S = 30


class Box:
    """One QEMU that may reboot by itself."""

    def __init__(self, machine_name, options=(), extra=(), image=None, before=lambda directory: None):
        self.directory = tempfile.mkdtemp(prefix="jeton-crash-")
        before(self.directory)
        settings = {"machine": machine_name, "disk": "virtio", "memory_mib": 64, "accel": "tcg",
                    "options": list(options), "image": image}
        flash = machine.make_flash(self.directory, "virtio")
        self.port = next(machine.random_ports())
        self.console = machine.new_console(self.directory)
        self.monitor = os.path.join(self.directory, "qmp")
        command = machine.qemu_command(settings, self.directory, flash, self.port)
        command.remove("-no-reboot")
        self.process = machine.start([*command, "-qmp", f"unix:{self.monitor},server=on,wait=off", *extra],
                                     self.directory, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def text(self):
        return machine.read_text(self.console)

    def wait(self, pattern, count=1):
        """Until the console shows the pattern `count` times."""
        end = time.monotonic() + PATIENCE_S
        while len(re.findall(pattern, self.text(), re.M)) < count:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"not {count} times {pattern!r}:\n{self.text()}")
            time.sleep(0.002)

    def ready(self, count=1):
        """A client, once the console has shown the ready line `count` times."""
        self.wait(machine.READY.pattern, count)
        machine.keep_credential(self.directory, self.text())
        ca_file = os.path.join(self.directory, "ca.pem")
        if not os.path.exists(ca_file):
            machine.fetch_certificate("127.0.0.1", self.port, machine.READY.search(self.text())[3], ca_file)
        return Client(f"https://127.0.0.1:{self.port}", ca_file)

    def basic(self):
        credential = machine.read_json(os.path.join(self.directory, "credential.json"))
        return credential["client_id"], credential["client_secret"]

    def command(self, name):
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(10)
            monitor.connect(self.monitor)
            answers = monitor.makefile("rb")
            answers.readline()
            for execute in ("qmp_capabilities", name):
                monitor.sendall(json.dumps({"execute": execute}).encode())
                while b"return" not in answers.readline():
                    pass

    def crash(self):
        """A non-maskable interrupt stands in for whatever breaks."""
        self.command("inject-nmi")


def seconds_to_reboot(box, boots):
    """Crash the box, which has booted `boots` times; seconds until it answers an HTTPS request again, and a client."""
    begin = time.monotonic()
    box.crash()
    client = box.ready(boots + 1)
    reply = client.get("/health/state")
    assert reply.status == 200, reply
    return time.monotonic() - begin, client


def counter(client, basic):
    return int(re.search(r"^jeton_crash_reboots_total (\d+)", client.get("/metrics", basic=basic).text, re.M)[1])


def test_storm(suite, machine_name):
    """Three crashes: each is counted and ends in service, the third in reading only."""
    with Box(machine_name, ["crash=reboot"]) as box:
        client = box.ready()
        suite.equal(f"{machine_name}: no crash yet", counter(client, box.basic()), 0)
        tenant = first_tenant(client, box.basic())
        for crashes in (1, 2, 3):
            client.close()
            elapsed_s, client = seconds_to_reboot(box, crashes)
            print(f"{machine_name}: {elapsed_s:.2f} s from the crash to the answer", flush=True)
            suite.check(f"{machine_name}: back in service soon", elapsed_s < 5, elapsed_s)
            suite.equal(f"{machine_name}: crashes are counted", counter(client, box.basic()), crashes)
            suite.equal(f"{machine_name}: nothing is lost", first_tenant(client, box.basic()), tenant)
            state = client.get("/health/state").json["state"]
            suite.equal(f"{machine_name}: state after {crashes}", state, "read_only" if crashes == 3 else "operational")
        made = client.post("/admin/v1/users", {"email": "a@example.com", "tenants": [tenant], "capabilities": ["withdrawal.create"]},
                           basic=box.basic())
        suite.equal(f"{machine_name}: nothing is written", made.status, 503)
        suite.check(f"{machine_name}: the console says why", "three times within a minute" in box.text(), box.text())
        check_screen(suite, machine_name, box)
        client.close()
        box.command("system_reset")
        state = box.ready(5).get("/health/state").json["state"]
        suite.equal(f"{machine_name}: a restart ends it", state, "operational")


def check_screen(suite, machine_name, box):
    """One screen, and names for its addresses."""
    screen = re.search(r"^panic: exception 2 \(non-maskable interrupt\).*?^crash \d+", box.text(), re.M | re.S)
    suite.check(f"{machine_name}: the screen shows the cause", screen, box.text())
    suite.check(f"{machine_name}: it fits one screen", screen and screen[0].count("\n") <= 24, screen)
    done = subprocess.run([SYMBOLIZE, box.console], capture_output=True, text=True, check=False)
    suite.check(f"{machine_name}: the backtrace has names",
                done.returncode == 0 and " boot_main at ./platform/x86_64/boot.c" in done.stdout, done.stdout + done.stderr)


def test_ways(suite):
    """crash=halt stands still; without the option the emulator ends with the panic code."""
    with Box("q35", ["crash=halt"]) as box:
        box.ready().close()
        box.crash()
        box.wait("halted, as boot option crash=halt asks")
        time.sleep(1)
        suite.equal("halted, not rebooted", len(machine.READY.findall(box.text())), 1)
        suite.check("still there", box.process.poll() is None)
    with Box("q35") as box:
        box.ready().close()
        box.crash()
        suite.equal("the emulator's exit code", box.process.wait(timeout=PATIENCE_S), 35)


WATCHDOGS = {"i6300esb": ("-device", "i6300esb", "-action", "watchdog=reset"),
             "TCO": ("-global", "ICH9-LPC.noreboot=false", "-action", "watchdog=reset")}


def test_hang(suite, name, extra):
    """The loop stops coming around: the watchdog resets the machine in time, and the hang counts as a crash."""
    with Box("q35", ["check=hang", "watchdog=4", "crash=reboot"], extra, SELFTEST) as box:
        box.wait("^hang begin")
        begin = time.monotonic()
        box.wait("^selftest begin", 2)
        elapsed_s = time.monotonic() - begin
        print(f"{name}: reset after {elapsed_s:.1f} s", flush=True)
        suite.check(f"{name}: reset in time", 1 < elapsed_s < 10, elapsed_s)
        box.wait("^crashes total=", 2)
        suite.check(f"{name}: the hang is counted", "crashes total=1" in box.text(), box.text())


def test_no_false_alarm(suite):
    """A busy loop and an idle one pet the watchdog."""
    with Box("q35", ["watchdog=2"], WATCHDOGS["i6300esb"]) as box:
        client = box.ready()
        end = time.monotonic() + 3
        while time.monotonic() < end:
            client.get("/health/alive")
        time.sleep(3)
        suite.equal("served on", client.get("/health/state").json["state"], "operational")
        suite.equal("one boot", len(machine.READY.findall(box.text())), 1)


def main():
    if shutil.which("qemu-system-x86_64") is None:
        print("qemu-system-x86_64 is not installed")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(77)
    suite = Suite()
    for machine_name in ("q35", "pc", "microvm"):
        suite.run(f"storm on {machine_name}", test_storm, machine_name)
    suite.run("ways to end", test_ways)
    for name, extra in WATCHDOGS.items():
        suite.run(f"hang with {name}", test_hang, name, extra)
    suite.run("no false alarm", test_no_false_alarm)
    suite.finish()


if __name__ == "__main__":
    main()
