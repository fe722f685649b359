#!/usr/bin/env python3
"""The x86_64 machine by itself: boots a small image (tests/boot/selftest/) on q35, pc and microvm, with pflash and
virtio-blk, and looks at what it says on the serial console: time, memory, entropy, options, flash, network.

Ends with 'N passed, N failed, N skipped'; exit code 77 where there is no QEMU. Words on the command line choose tests.
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

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IMAGE = os.path.join(ROOT, "build", "boot", "selftest.elf")
QEMU = "qemu-system-x86_64"
BIOS = next((path for path in ("/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin")
             if os.path.exists(path)), None)
MACHINES = ("q35", "pc", "microvm")
EXIT_OK, EXIT_PANIC = 33, 35
TIMEOUT_S = 60
STOP_FRAME = b"\xff" * 6 + b"\x52\x54\x00\x00\x00\x01" + b"\x88\xb6" + bytes(46)
passed = failed = 0


def check(name, condition, seen=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}: {seen}", flush=True)


def build():
    """The image, by the rules and with the flags of the real one."""
    subprocess.run(["make", "-s", "-C", ROOT, "build/boot/selftest.elf"], check=True)


class Machine:
    """One QEMU: its command line, its console, its exit code."""

    def __init__(self, folder, machine="q35", disk=None, words="", memory_mib=64, rng=True, processor="max", extra=()):
        self.folder = folder
        self.text = b""
        model = "microvm,acpi=off,rtc=on" if machine == "microvm" else machine
        machine = machine.split(",")[0]
        bus = "device" if machine == "microvm" else "pci"
        modern = "" if machine == "microvm" else ",disable-legacy=on"
        self.ours, self.theirs = (os.path.join(folder, name) for name in ("ours", "theirs"))
        command = [QEMU, "-M", model, "-global", "virtio-mmio.force-legacy=false", "-accel", "tcg", "-cpu", processor,
                   "-m", str(memory_mib), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                   "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
                   "-netdev", f"dgram,id=net,local.type=unix,local.path={self.theirs},"
                              f"remote.type=unix,remote.path={self.ours}",
                   "-device", f"virtio-net-{bus},netdev=net,mac=52:54:00:12:34:99{modern}"
                   + ("" if machine == "microvm" else ",romfile="),
                   "-kernel", IMAGE, "-append", words, *extra]
        if rng:
            command += ["-device", f"virtio-rng-{bus}{modern}"]
        if disk == "pflash":
            command += ["-drive", f"if=pflash,unit=0,readonly=on,format=raw,file={BIOS}",
                        "-drive", f"if=pflash,unit=1,format=raw,file={self.flash_file(folder, disk)}"]
        elif disk == "virtio":
            command += ["-drive", f"if=none,id=disk,format=raw,file={self.flash_file(folder, disk)}",
                        "-device", f"virtio-blk-{bus},drive=disk{modern}"]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if os.path.exists(self.ours):
            os.unlink(self.ours)
        self.socket.bind(self.ours)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    @staticmethod
    def flash_file(folder, disk):
        path = os.path.join(folder, disk)
        if not os.path.exists(path):
            with open(path, "wb") as file:
                if disk == "pflash":
                    file.write(b"\xff" * (1 << 20))
                else:
                    file.truncate(8 << 20)
        return path

    def wait_line(self, start):
        """Read the console up to a line that begins with `start`; the line, or '' at the end."""
        while True:
            line = self.process.stdout.readline()
            self.text += line
            if not line or line.decode(errors="replace").startswith(start):
                return line.decode(errors="replace").strip()

    def finish(self):
        """(exit code, all the console's text)."""
        try:
            rest, _ = self.process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            rest, _ = self.process.communicate()
        self.text += rest
        self.socket.close()
        return self.process.returncode, self.text.decode(errors="replace")


def run(folder, code=EXIT_OK, **settings):
    """Boot, wait for the end, check the exit code; the console's text."""
    exit_code, text = Machine(folder, **settings).finish()
    check(f"exit code of {settings}", exit_code == code, f"{exit_code} instead of {code}:\n{text}")
    if code == EXIT_OK:
        check(f"end of {settings}", "\nselftest done" in text and "FAIL" not in text, text)
    return text


def number(text, name):
    found = re.search(rf"\b{name}=(\d+)", text)
    return int(found.group(1)) if found else -1


def test_time(folder, machine):
    text = run(folder, machine=machine, words="check=time")
    now = time.time()
    check(f"{machine}: wall clock", number(text, "status") == 0 and abs(number(text, "unix_s") - now) <= 3, text)
    check(f"{machine}: sleeps by halting", 1 <= number(text, "sleeps") <= 50, text)
    check(f"{machine}: wakes in time", 0 <= number(text, "late_us") < 50_000, text)
    check(f"{machine}: ready soon", 0 <= number(text, "boot_us") < 100_000, text)
    text = run(folder, machine=machine, words="check=time time=1900000000")
    check(f"{machine}: option time", number(text, "unix_s") in (1900000000, 1900000001), text)
    text = run(folder, machine=machine, words="check=time", extra=("-rtc", "base=2039-12-31T23:59:58"))
    check(f"{machine}: over the end of a year", 0 <= number(text, "unix_s") - 2208988798 <= 3, text)
    text = run(folder, machine=machine, words="check=time", extra=("-rtc", "base=2000-02-29T00:00:00"))
    check(f"{machine}: a clock before 2020 is none", number(text, "status") != 0, text)


def test_rate(folder, machine):
    guest = Machine(folder, machine=machine, words="check=rate")
    guest.wait_line("rate begin")
    begin = time.monotonic()
    guest.wait_line("rate end")
    elapsed = time.monotonic() - begin
    guest.finish()
    check(f"{machine}: two seconds last two seconds", abs(elapsed - 2) < 0.06, elapsed)


def test_memory(folder, machine):
    for memory_mib in (24, 128):
        text = run(folder, machine=machine, words="check=memory", memory_mib=memory_mib)
        check(f"{machine}: most of {memory_mib} MiB is free", number(text, "free") > (memory_mib - 4) << 20, text)
        check(f"{machine}: all of {memory_mib} MiB taken at once", number(text, "left") == 0, text)


def test_entropy(folder, machine):
    seeds = set()
    for settings in ({}, {}, {"rng": False}):
        text = run(folder, machine=machine, words="check=entropy", **settings)
        seeds.add(re.search(r"seed=([0-9a-f]{66})", text).group(1))
    check(f"{machine}: three boots, three seeds", len(seeds) == 3, seeds)


def test_lesser_processor(folder, machine):
    """One without RDRAND, RDSEED, SMEP, SMAP: virtio-rng alone is enough, and nothing at all is an error."""
    run(folder, machine=machine, processor="qemu64", words="check=entropy")
    text = run(folder, code=67, machine=machine, processor="qemu64", words="check=entropy", rng=False)
    check(f"{machine}: no entropy is said so", "FAIL entropy: first" in text, text)


def test_options(folder, machine):
    text = run(folder, machine=machine, words="check=options plain=a1 empty= both=line plain=second xplain=no",
               extra=("-fw_cfg", "name=opt/jeton/both,string=file"))
    for line in ("option plain [a1]", "option empty []", "option absent absent", "option both [file]",
                 "option pla absent"):
        check(f"{machine}: {line}", line + "\n" in text.replace("\r", ""), text)


def test_console(folder, machine):
    text = run(folder, machine=machine, words="check=console")
    check(f"{machine}: no byte of the console is lost", text.count("x" * 63 + "\n") == 400, len(text))


def flash_kinds(machine):
    kinds = ["virtio"] if machine == "microvm" else ["virtio", "pflash"]
    return [kind for kind in kinds if kind != "pflash" or BIOS]


def test_flash(folder, machine):
    for kind in flash_kinds(machine):
        name = "virtio-blk" if kind == "virtio" else "pflash"
        for step in ("flash", "flash_write", "flash_reread"):
            text = run(folder, machine=machine, disk=kind, words=f"check={step} disk={kind}")
            check(f"{machine}: {name} found", f"flash {name} " in text, text)
        text = run(folder, machine=machine, disk=kind, words="check=flash_reread")
        check(f"{machine}: {name} found without the option", f"flash {name} " in text, text)
    text = run(folder, code=67, machine=machine, words="check=flash")
    check(f"{machine}: no flash", "FAIL flash: open" in text, text)
    text = run(folder, code=67, machine=machine, disk="virtio", words="check=flash disk=pflash")
    check(f"{machine}: the other flash is not taken", "FAIL flash: open" in text, text)


def test_other_places(folder, machine):
    """Disks behind a bridge, interrupts on the second I/O APIC, and microvm with ACPI, which names no devices."""
    disk = ("-drive", f"if=none,id=disk,format=raw,file={Machine.flash_file(folder, 'virtio')}", "-device")
    if machine == "q35":
        run(folder, machine=machine, words="check=flash",
            extra=("-device", "pcie-root-port,id=rp0,slot=1", *disk, "virtio-blk-pci,drive=disk,bus=rp0"))
        run(folder, machine=machine, words="check=time", extra=("-smp", "2"))
    elif machine == "microvm":
        run(folder, machine="microvm,acpi=off,ioapic2=on", words="check=flash", disk="virtio")
        run(folder, machine="microvm,rtc=on", words="check=flash", disk="virtio")
        text = run(folder, code=67, machine=machine, words="check=flash", disk="virtio",
                   extra=("-global", "virtio-mmio.force-legacy=true"))
        check("microvm: legacy devices are named", "force-legacy=false" in text, text)
    else:
        text = run(folder, code=67, machine=machine, words="check=flash",
                   extra=(*disk, "virtio-blk-pci,drive=disk,disable-modern=on"))
        check("pc: legacy devices are named", "disable-modern" in text, text)


def frame(payload):
    return b"\x52\x54\x00\x12\x34\x99" + b"\x52\x54\x00\x00\x00\x01" + b"\x88\xb5" + payload


def swapped(sent):
    return sent[6:12] + sent[0:6] + sent[12:]


def exchange(guest, sent):
    """Send one frame; the answer, or b'' after a second."""
    guest.socket.sendto(sent, guest.theirs)
    try:
        return guest.socket.recv(4096)
    except socket.timeout:
        return b""


def test_nic(folder, machine):
    guest = Machine(folder, machine=machine, words="check=nic")
    line = guest.wait_line("nic mac=")
    check(f"{machine}: address, link, MTU", line == "nic mac=525400123499 link=1 mtu=1500", line)
    guest.socket.settimeout(1)
    for size in (46, 47, 100, 1000, 1499, 1500):
        sent = frame(os.urandom(size))
        check(f"{machine}: echo of {size}", exchange(guest, sent) == swapped(sent))
    guest.socket.sendto(frame(bytes(1600)), guest.theirs)  # too large: dropped
    latencies = []
    for _ in range(20):
        time.sleep(0.02)
        sent = frame(os.urandom(200))
        begin = time.monotonic()
        check(f"{machine}: echo after a sleep", exchange(guest, sent) == swapped(sent))
        latencies.append(time.monotonic() - begin)
    check(f"{machine}: a frame ends the sleep", sorted(latencies)[10] < 0.02, latencies)
    missing = sum(not burst(guest, count) for count in [8] * 150)
    check(f"{machine}: bursts come back whole, past the wrap of the rings", missing == 0, missing)
    exchange(guest, STOP_FRAME)
    exit_code, text = guest.finish()
    check(f"{machine}: nic ends well", exit_code == EXIT_OK, text)
    check(f"{machine}: sleeps between frames", number(text, "sleeps") < 3000, text)


def burst(guest, count):
    sent = [frame(os.urandom(60 + 100 * i)) for i in range(count)]
    for one in sent:
        guest.socket.sendto(one, guest.theirs)
    try:
        return [guest.socket.recv(4096) for _ in sent] == [swapped(one) for one in sent]
    except socket.timeout:
        return False


def processor_s(pid):
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_link(folder, machine):
    path = os.path.join(folder, "qmp")
    guest = Machine(folder, machine=machine, words="check=nic", extra=("-qmp", f"unix:{path},server=on,wait=off"))
    guest.wait_line("nic mac=")
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(10)
        monitor.connect(path)
        answers = monitor.makefile("rb")
        answers.readline()
        for command, line in (({"execute": "qmp_capabilities"}, ""), (set_link(False), "link down"),
                              (set_link(True), "link up")):
            monitor.sendall(json.dumps(command).encode())
            while b"return" not in answers.readline():
                pass
            if line:
                check(f"{machine}: {line}", guest.wait_line("link") == line)
    guest.socket.settimeout(1)
    sent = frame(bytes(60))
    check(f"{machine}: echo after the link came back", exchange(guest, sent) == swapped(sent))
    exchange(guest, STOP_FRAME)
    exit_code, text = guest.finish()
    check(f"{machine}: link test ends well", exit_code == EXIT_OK, text)


def set_link(up):
    return {"execute": "set_link", "arguments": {"name": "net", "up": up}}


def test_hostile_devices(folder, machine):
    """The virtio drivers as a process under AddressSanitizer, against devices that lie (hostile_device.c)."""
    if machine != MACHINES[0]:
        return
    program = os.path.join(folder, "hostile_device")
    drivers = [os.path.join(ROOT, f"platform/x86_64/{name}.c")
               for name in ("virtio", "virtio_net", "nic", "virtio_blk", "virtio_rng", "block", "wait",
                            "flash_disk", "gpt")]
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-iquote", ROOT,
                    "-include", os.path.join(ROOT, "tests/boot/hostile_cpu.h"), "-fsanitize=address,undefined",
                    "-fno-sanitize-recover=all", "-o", program, os.path.join(ROOT, "tests/boot/hostile_device.c"),
                    os.path.join(ROOT, "tests/boot/hostile_device_main.c"),
                    os.path.join(ROOT, "tests/boot/hostile_children.c"), *drivers], check=True)
    done = subprocess.run([program, "1", "120"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    check("no hostile device harms memory", done.returncode == 0, done.stdout.decode(errors="replace")[-3000:])


def test_idle(folder, machine):
    guest = Machine(folder, machine=machine, words="check=idle")
    guest.wait_line("idle begin")
    time.sleep(0.2)
    before = processor_s(guest.process.pid)
    time.sleep(2)
    used = (processor_s(guest.process.pid) - before) / 2
    _, text = guest.finish()
    check(f"{machine}: idle takes at most 3 % of a core", used <= 0.03, used)
    check(f"{machine}: idle sleeps", number(text, "sleeps") < 20, text)


def test_ends(folder, machine):
    if machine != "microvm" and BIOS:
        text = run(folder, code=EXIT_PANIC, machine=machine, disk="pflash", words="check=program_twice")
        check(f"{machine}: a second program is caught", "not erased" in text, text)
    run(folder, code=65 + 2 * 7, machine=machine, words="check=exit_code")


TESTS = [test_time, test_rate, test_memory, test_entropy, test_options, test_lesser_processor, test_console, test_flash,
         test_other_places, test_nic, test_link, test_hostile_devices, test_idle, test_ends]


def main():
    if shutil.which(QEMU) is None:
        print(f"{QEMU} is not installed")
        print("0 passed, 0 failed, 1 skipped")
        return 77
    build()
    for test in TESTS:
        for machine in MACHINES:
            if sys.argv[1:] and not any(word in f"{test.__name__} {machine}" for word in sys.argv[1:]):
                continue
            with tempfile.TemporaryDirectory(prefix="jeton-platform-") as folder:
                test(folder, machine)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
