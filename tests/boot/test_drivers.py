#!/usr/bin/env python3
"""Drivers for real boxes, as far as QEMU has the devices: disks on NVMe and AHCI through reboots, power cuts and errors,
and the drivers as processes under AddressSanitizer against devices that lie (hostile_*.c).

Ends with 'N passed, N failed, N skipped'. Words on the command line choose scenarios.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import test_powercut
from appliance import ROOT, Rig, Suite
from firmware import IMAGES, OVMF, Disk, Firmware
import machine  # of images/, through appliance

CUTS = int(os.environ.get("JETON_KILLS", "4"))
DISKS = (("q35", "nvme"), ("q35", "ahci"), ("pc", "ahci"))
HOSTILE = {"hostile_disk": ("nvme", "nvme_queue", "ahci", "block", "wait", "flash_disk", "gpt"),
           "hostile_nic": ("intel_nic", "intel_ring", "nic", "wait"),
           "hostile_acpi": ("acpi", "wait")}
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


# ---- devices that lie ----


def hostile(suite):
    for name, drivers in HOSTILE.items():
        with tempfile.TemporaryDirectory(prefix="jeton-hostile-") as folder:
            program = os.path.join(folder, name)
            sources = [f"tests/boot/{name}.c", "tests/boot/hostile.c", "tests/boot/hostile_children.c",
                       *(f"platform/x86_64/{one}.c" for one in drivers)]
            subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Werror", *SANITIZERS,
                            "-iquote", ".", "-include", "tests/boot/hostile_cpu.h", "-o", program, *sources],
                           cwd=ROOT, check=True)
            for seed in (1, 100_000):
                done = subprocess.run([program, str(seed), "150"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      timeout=600, check=False)
                suite.check(f"{name}, seed {seed}", done.returncode == 0, done.stdout.decode(errors="replace")[-3000:])


# ---- disks ----


def state_on(suite, model, disk):
    """Everything is there after a clean stop, and after each of some power cuts under load."""
    with Rig("qemu", model, disk) as rig:
        suite.check(f"{model} {disk}: the disk is in use", rig.info["flash"].endswith("disk.img"), rig.info)
        token = make_token(rig, "kept")
        rig.down()
        rig.up()
        suite.equal(f"{model} {disk}: after a reboot", try_token(rig, token), 200)
    test_powercut.KILLS = CUTS
    test_powercut.cuts(suite, model, disk)


def make_token(rig, name):
    """Id and secret of a new token, or None where it is refused."""
    reply = rig.client().post("/tokens", {"name": name, "permissions": ["VIEW"]}, basic=rig.basic)
    assert reply.status in (201, 503), reply
    return (reply.json["clientId"], reply.json["clientSecret"]) if reply.status == 201 else None


def try_token(rig, token):
    return rig.client().get("/tokens?limit=1", basic=token).status


class FailingDisk(Rig):
    """A rig whose disk begins to fail at the `good_count`th operation of a kind (QEMU's blkdebug)."""

    EVENTS = {"flush": "flush_to_disk", "write": "write_aio", "read": "read_aio"}

    def fail(self, kind, good_count):
        config = os.path.join(self.directory, "blkdebug.conf")
        event = self.EVENTS[kind]
        with open(config, "w", encoding="ascii") as file:
            for state in range(1, good_count):
                file.write(f'[set-state]\nevent = "{event}"\nstate = "{state}"\nnew_state = "{state + 1}"\n')
            file.write(f'[inject-error]\nevent = "{event}"\nstate = "{good_count}"\niotype = "{kind}"\n'
                       'errno = "5"\nonce = "off"\nimmediately = "off"\n')
        self.arguments += ["--blkdebug", config]

    def mend(self):
        del self.arguments[self.arguments.index("--blkdebug"):]


def failing(suite, model, disk, kind, good_count):
    """A disk that fails while it is written to: what was acknowledged stays true, the rest is refused, and it is said."""
    name = f"{model} {disk}, {kind} fails"
    with FailingDisk("qemu", model, disk, boot=False) as rig:
        rig.up()
        before = [make_token(rig, "before")]
        rig.down()
        rig.fail(kind, good_count)
        rig.up()
        kept = []
        for number in range(40):
            kept.append(make_token(rig, f"token {number}"))
            if kept[-1] is None:
                break
        suite.check(f"{name}: writes are refused in the end", kept[-1] is None, len(kept))
        suite.check(f"{name}: some were taken before", len(kept) > 1, len(kept))
        suite.equal(f"{name}: still no write", make_token(rig, "after"), None)
        answer = try_token(rig, before[0])  # 503 where it could state what is not on the disk
        suite.check(f"{name}: a good credential is not called bad", answer in (200, 503), answer)
        text = rig.console()
        suite.check(f"{name}: a sentence", "durable" in text or "no more writes" in text, text)
        rig.kill()
        rig.mend()
        rig.up()
        answers = [try_token(rig, token) for token in before + kept[:-1]]
        suite.equal(f"{name}: all that was acknowledged is there", set(answers), {200})


def unreadable(suite, model, disk):
    """A disk that cannot be read: no service, a sentence."""
    with FailingDisk("qemu", model, disk, boot=False) as rig:
        rig.up()
        rig.down()
        rig.fail("read", 8)
        done = rig.try_up()
        text = done.stdout + done.stderr
        suite.check(f"{model} {disk}, reads fail: no boot", done.returncode != 0 and "ready url" not in text, text)
        suite.check(f"{model} {disk}, reads fail: a sentence", "read" in text, text)


def disks(suite):
    for model, disk in DISKS:
        state_on(suite, model, disk)


def disk_errors(suite):
    for model, disk in (("q35", "nvme"), ("q35", "ahci"), ("q35", "virtio")):
        failing(suite, model, disk, "flush", 8)
        failing(suite, model, disk, "write", 12)
        unreadable(suite, model, disk)


# ---- QEMU's monitor ----


class Monitor:
    """QMP of a machine whose command line has our words."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "qmp")
        self.words = ["-qmp", f"unix:{self.path},server=on,wait=off"]

    def ask(self, *commands):
        """Run the commands, (name, arguments) each, over a connection of their own; the last one's answer."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(10)
            monitor.connect(self.path)
            answers = monitor.makefile("rb")
            answers.readline()
            for name, arguments in (("qmp_capabilities", {}), *commands):
                monitor.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
                answer = {}
                while "return" not in answer:
                    answer = json.loads(answers.readline())
            return answer["return"]

    def set_link(self, up, name="net"):
        self.ask(("set_link", {"name": name, "up": up}))

    def release(self, *commands):
        """Once QEMU is there, started with -S: run the commands, and let the machine go."""
        def work():
            end = time.monotonic() + 10
            while time.monotonic() < end:
                try:
                    self.ask(*commands, ("cont", {}))
                    return
                except OSError:
                    time.sleep(0.01)
        threading.Thread(target=work, daemon=True).start()


class WatchedRig(Rig):
    """A rig with a monitor; `words` go to QEMU."""

    def __init__(self, *arguments, words=(), **more):
        super().__init__(*arguments, **more)
        self.monitor = Monitor(self.directory)
        self.arguments += [f"--qemu={word}" for word in [*self.monitor.words, *words]]


def wait_for(rig, text, count=1, timeout_s=10):
    """Wait until the console has said it so often."""
    end = time.monotonic() + timeout_s
    while rig.console().count(text) < count and time.monotonic() < end:
        time.sleep(0.02)
    return rig.console().count(text) >= count


# ---- network cards ----

CARDS = ("virtio", "e1000e")
OTHER_CARD = ["-netdev", "user,id=other", "-device", "virtio-net-pci,netdev=other,disable-legacy=on,romfile="]
RIG_MAC = "52:54:00:12:34:56"  # QEMU's first


def e1000e(suite):
    """Serves HTTPS: large answers, many connections, on both machines."""
    for model in ("q35", "pc"):
        with Rig("qemu", model, options=("--nic", "e1000e", "--option", "rate_issue=0")) as rig:
            client = rig.client()
            suite.equal(f"{model}: a large answer", client.get("/openapi.json").status, 200)
            for number in range(30):
                reply = client.post("/tokens", {"name": "x" * 200, "permissions": ["VIEW"]}, basic=rig.basic)
                suite.equal(f"{model}: write {number}", reply.status, 201)
            others = [rig.client() for _ in range(20)]
            suite.equal(f"{model}: many connections", {one.get("/health/ready").status for one in others}, {200})


def link_flaps(suite):
    """The link goes down and comes back: said on the console, and an open connection goes on."""
    for card in CARDS:
        with WatchedRig("qemu", "q35", options=("--nic", card), boot=False) as rig:
            rig.up()
            client = rig.client(timeout_s=30)
            suite.equal(f"{card}: before", client.get("/health/ready").status, 200)
            for flap in range(3):
                rig.monitor.set_link(False)
                suite.check(f"{card}: down, {flap}", wait_for(rig, "link is down", flap + 1), rig.console())
                time.sleep(0.5)
                rig.monitor.set_link(True)
                suite.check(f"{card}: up, {flap}", wait_for(rig, "link is up", flap + 2), rig.console())
                suite.equal(f"{card}: the same connection, {flap}", client.get("/health/ready").status, 200)
            suite.equal(f"{card}: a new connection", rig.client().get("/health/ready").status, 200)


def several_cards(suite):
    """The configured card is used, else the first with link."""
    for words in ([f"nic={RIG_MAC}"], [f"nic={RIG_MAC.upper()}"], ["nic=00:01.0"]):
        options = ["--nic", "e1000e", "--option", words[0]]
        with WatchedRig("qemu", "q35", options=options, words=OTHER_CARD, boot=False) as rig:
            rig.up()
            suite.equal(words[0], rig.client().get("/health/ready").status, 200)
            suite.check(f"{words[0]}: said", f"of several network cards intel {RIG_MAC} is used" in rig.console(), rig.console())
    with WatchedRig("qemu", "q35", options=("--nic", "e1000e"), words=["-S", *OTHER_CARD], boot=False) as rig:
        rig.monitor.release(("set_link", {"name": "other", "up": False}))
        rig.up()
        suite.equal("the one with link", rig.client().get("/health/ready").status, 200)
    with WatchedRig("qemu", "q35", options=("--option", "nic=00:00:00:00:00:01", "--timeout", "10"), boot=False) as rig:
        done = rig.try_up()
        suite.check("no such card", done.returncode != 0 and "boot option nic" in done.stdout + done.stderr, done)


def igb(suite):
    """I210 and relatives: only where this QEMU has one."""
    devices = subprocess.run(["qemu-system-x86_64", "-device", "help"], capture_output=True, text=True, check=False).stdout
    if '"igb"' not in devices:
        print("igb: this QEMU has no such device (8.0 and later do): skipped")
        suite.skipped += 1
        return
    with Rig("qemu", "q35", options=("--nic", "igb")) as rig:
        suite.equal("igb serves", rig.client().get("/health/ready").status, 200)


# ---- power ----


def gone(pid, timeout_s=10):
    """Wait until the process of a rig is no more."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if machine.read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] in ([], ["Z"]):
            return True
        time.sleep(0.02)
    return False


def power_button(suite):
    """Pressed under load: everything acknowledged is kept, and the machine is off by itself, within seconds."""
    for model, disk in (("q35", "pflash"), ("pc", "virtio"), ("q35", "nvme"), ("q35", "ahci")):
        name = f"{model} {disk}"
        with WatchedRig("qemu", model, disk, boot=False, options=("--option", "rate_issue=0")) as rig:
            rig.up()
            kept = [make_token(rig, f"before {number}") for number in range(10)]
            begin = time.monotonic()
            rig.monitor.ask(("system_powerdown", {}))
            suite.check(f"{name}: ends by itself", gone(rig.info["pid"]), rig.console())
            suite.check(f"{name}: soon", time.monotonic() - begin < 3, time.monotonic() - begin)
            suite.check(f"{name}: in order", "stopped" in rig.console() and "panic" not in rig.console(), rig.console())
            rig.kill()
            rig.up()
            suite.equal(f"{name}: all is there", {try_token(rig, token) for token in kept}, {200})


class Bare:
    """QEMU without the device that takes a verdict, so that the image has to end as on a real machine. A context manager
    with a monitor."""

    def __init__(self, model, words=(), options=()):
        self.directory = tempfile.TemporaryDirectory(prefix="jeton-bare-")
        self.monitor = Monitor(self.directory.name)
        settings = {"machine": model, "disk": "virtio", "memory_mib": 64, "accel": "tcg", "options": list(options),
                    "image": os.environ.get("JETON_IMAGE")}
        flash = machine.make_flash(self.directory.name, "virtio")
        command = machine.qemu_command(settings, self.directory.name, flash, next(machine.random_ports()))
        at = command.index("isa-debug-exit,iobase=0xf4,iosize=0x04")
        command[at - 1:at + 1] = [*self.monitor.words, *words]
        self.console_path = machine.new_console(self.directory.name)
        self.process = machine.start(command, self.directory.name, own_life=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def console(self):
        return machine.read_text(self.console_path)

    def events(self):
        """All that QEMU reports from now to its end: (event, reason) each."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(20)
            monitor.connect(self.monitor.path)
            answers = monitor.makefile("rb")
            answers.readline()
            monitor.sendall(b'{"execute": "qmp_capabilities"} {"execute": "system_powerdown"}')
            told = [json.loads(line) for line in answers]
        return [(one["event"], one.get("data", {}).get("reason")) for one in told if "event" in one]


def power_off(suite):
    """After the button, the machine is switched off through ACPI (S5)."""
    for model in ("q35", "pc"):
        with Bare(model) as bare:
            suite.check(f"{model}: ready", wait_for(bare, "ready url", timeout_s=20), bare.console())
            events = bare.events()
            suite.check(f"{model}: switched off by the guest", ("SHUTDOWN", "guest-shutdown") in events, events)
            suite.equal(f"{model}: QEMU ended", bare.process.wait(10), 0)
            suite.check(f"{model}: in order", "stopped" in bare.console(), bare.console())


# ---- screens ----


def screen_text(monitor, folder):
    """What a VGA card in text mode shows: 25 lines."""
    path = os.path.join(folder, "text.bin")
    monitor.ask(("pmemsave", {"val": 0xb8000, "size": 4000, "filename": path}))
    with open(path, "rb") as file:
        cells = file.read()
    return [cells[at:at + 160:2].decode("latin-1").rstrip() for at in range(0, 4000, 160)]


def read_font():
    """{rows of a glyph: its character} of the image's font."""
    with open(os.path.join(ROOT, "platform/x86_64/screen_font.c"), encoding="ascii") as file:
        glyphs = re.findall(r"^    \{(0x.*)\},", file.read(), re.M)
    return {tuple(int(row, 16) for row in glyph.split(",")): chr(0x20 + at) for at, glyph in enumerate(glyphs)}


def read_picture(path):
    """(width, height, pixels) of a PPM file; a pixel is True where it is not black."""
    with open(path, "rb") as file:
        kind, size, _ = file.readline(), file.readline(), file.readline()
        assert kind == b"P6\n", kind
        width, height = map(int, size.split())
        data = file.read()
    return width, height, [any(data[at:at + 3]) for at in range(0, 3 * width * height, 3)]


def picture_text(path):
    """The lines of a picture of our screen; a cell that is no letter of ours reads as \\x00."""
    width, height, pixels = read_picture(path)
    font, dot = read_font(), 2 if width >= 1200 else 1
    lines = []
    for top in range(0, min(height // (10 * dot), 48) * 10 * dot, 10 * dot):
        line = ""
        for left in range(0, min(width // (6 * dot), 128) * 6 * dot, 6 * dot):
            glyph = tuple(sum(pixels[(top + y * dot) * width + left + x * dot] << (4 - x) for x in range(5))
                          for y in range(8))
            line += font.get(glyph, "\0")
        lines.append(line.rstrip())
    return lines


def unwrapped(lines):
    """What the lines say, whatever their breaks."""
    return "".join(lines).replace(" ", "")


class WatchedFirmware(Firmware):
    """A machine that boots by its firmware, with a screen and a monitor."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.monitor = Monitor(self.directory)

    def command(self):
        return [*super().command(), "-device", "VGA", *self.monitor.words]


def screens(suite):
    """The screen shows what the serial line carries, in VGA's text mode and in UEFI's framebuffer."""
    with Bare("q35", ["-device", "VGA"]) as bare:
        suite.check("text mode: ready", wait_for(bare, "ready url", timeout_s=20), bare.console())
        lines = screen_text(bare.monitor, bare.directory.name)
        console = unwrapped(bare.console().replace("\r", "").split("\n"))
        suite.check("text mode: all of it", unwrapped(lines) == console, (lines, console))
    if not os.path.exists(os.path.join(OVMF, "OVMF_CODE_4M.fd")):
        suite.skipped += 1
        return
    with tempfile.TemporaryDirectory(prefix="jeton-screen-") as folder:
        image = os.path.join(folder, "jeton.img")
        shutil.copyfile(os.path.join(IMAGES, "jeton.img"), image)
        framebuffer(suite, image)


def framebuffer(suite, image):
    with WatchedFirmware(True, [Disk("virtio", image, boot=True)]) as uefi:
        uefi.up()
        path = os.path.join(uefi.directory, "screen.ppm")
        uefi.monitor.ask(("screendump", {"filename": path}))
        lines = picture_text(path)
        said = [line for line in uefi.console().split("\n") if line.startswith("jeton: ")]
        suite.check("framebuffer: all of it", len(said) > 1 and unwrapped(lines).endswith(unwrapped(said)), (lines, said))
        suite.check("framebuffer: nothing else", "\0" not in unwrapped(lines), lines)


if __name__ == "__main__":
    SUITE = Suite()
    for SCENARIO in (hostile, disks, disk_errors, e1000e, link_flaps, several_cards, igb, power_button,
                     power_off, screens):
        if not sys.argv[1:] or any(word in SCENARIO.__name__ for word in sys.argv[1:]):
            SUITE.run(SCENARIO.__name__, SCENARIO)
    SUITE.finish()
