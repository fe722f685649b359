#!/usr/bin/env python3
"""The images start by themselves: disk, stick and CD, by OVMF and by SeaBIOS, with the state on a partition of the same
disk; and a disk that belongs to someone else is left alone.

Ends with 'N passed, N failed, N skipped'. Words on the command line choose scenarios.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import uuid

from appliance import ROOT, Suite
from firmware import IMAGES, Disk, Firmware
import machine  # of images/, through appliance
import gpt  # of images/

ESP_OFFSET = 4096 * 512
KERNEL = os.path.join(ROOT, "build", "jeton.elf")


def copy_of(name, folder):
    path = os.path.join(folder, name)
    shutil.copyfile(os.path.join(IMAGES, name), path)
    return path


def blank(folder, name="blank.img", mib=16):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.truncate(mib << 20)
    return path


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def set_options(image, text):
    """Write jeton/options.txt of the image's EFI system partition, as an operator would."""
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        subprocess.run(["mcopy", "-o", "-i", f"{image}@@{ESP_OFFSET}", file.name, "::jeton/options.txt"], check=True,
                       env=dict(os.environ, MTOOLS_SKIP_CHECK="1"))


def make_token(client, basic):
    reply = client.post("/tokens", {"name": "kept", "permissions": ["VIEW"]}, basic=basic)
    assert reply.status == 201, reply
    return reply.json["clientId"], reply.json["clientSecret"]


# ---- one disk for everything ----


def one_disk(suite, kind):
    """First start by SeaBIOS, power cut, then by OVMF from the same disk: what was made is there, and nowhere else."""
    with tempfile.TemporaryDirectory(prefix="jeton-disk-") as folder:
        image = copy_of("jeton.img", folder)
        set_options(image, "# said on the disk\nlog=debug\n")
        with Firmware(False, [Disk(kind, image, boot=True)]) as bios:
            client = bios.up()
            suite.check(f"{kind}, BIOS: options from the disk", "since power-on" in bios.console(), bios.console())
            token = make_token(client, bios.credential())
            bios.kill()
        with Firmware(True, [Disk(kind, image, boot=True)]) as uefi:
            client = uefi.up()
            suite.check(f"{kind}, UEFI: options from the disk", "since power-on" in uefi.console(), uefi.console())
            suite.check(f"{kind}, UEFI: the state of before", uefi.credential() is None, uefi.console())
            suite.equal(f"{kind}: what was acknowledged survives a power cut", client.get("/tokens", basic=token).status, 200)
        with open(image, "rb") as now, open(os.path.join(IMAGES, "jeton.img"), "rb") as before:
            kept = [(file.read(ESP_OFFSET), file.seek(-gpt.ALIGNMENT * gpt.SECTOR, 2), file.read()) for file in (now, before)]
        suite.check(f"{kind}: nothing outside of the partition was written", kept[0] == kept[1])


def qcow2(suite):
    with tempfile.TemporaryDirectory(prefix="jeton-disk-") as folder:
        image = copy_of("jeton.qcow2", folder)
        with Firmware(False, [Disk("virtio", image, boot=True, file_format="qcow2")]) as bios:
            suite.equal("qcow2 serves", bios.up().get("/health/ready").status, 200)


# ---- stick and CD ----


def stick(suite):
    """The disk image on a stick: the firmware can read it, we cannot; the state goes to a disk, or there is a sentence."""
    with tempfile.TemporaryDirectory(prefix="jeton-disk-") as folder:
        image = copy_of("jeton.img", folder)
        with Firmware(True, [Disk("usb", image, boot=True)]) as uefi:
            uefi.start()
            text = uefi.wait_for("jeton: not started")
            suite.check("stick alone: a sentence", "no flash" in text and "not started" in text, text)
        suite.equal("stick alone: nothing was written", digest(image), digest(os.path.join(IMAGES, "jeton.img")))
        with Firmware(False, [Disk("usb", image, boot=True), Disk("virtio", blank(folder))]) as bios:
            suite.equal("stick and disk serve", bios.up().get("/health/ready").status, 200)


def compact_disc(suite):
    """The ISO: as a CD by both, as a stick by SeaBIOS."""
    with tempfile.TemporaryDirectory(prefix="jeton-disk-") as folder:
        image = os.path.join(IMAGES, "jeton.iso")
        disk = blank(folder)
        with Firmware(False, [Disk("cd", image, boot=True), Disk("ahci", disk)]) as bios:
            token = make_token(bios.up(), bios.credential())
        with Firmware(True, [Disk("cd", image, boot=True), Disk("ahci", disk)]) as uefi:
            suite.equal("CD: the state on the disk", uefi.up().get("/tokens", basic=token).status, 200)
        with Firmware(False, [Disk("usb", image, boot=True, read_only=True), Disk("ahci", disk)]) as bios:
            suite.equal("ISO on a stick", bios.up().get("/tokens", basic=token).status, 200)


def network(suite):
    """The UEFI program by the firmware's own network boot, and by iPXE with the script that `make image` writes."""
    with tempfile.TemporaryDirectory(prefix="jeton-disk-") as folder:
        disk = blank(folder)
        for name in ("jeton.efi", "jeton.ipxe"):
            with Firmware(True, [Disk("virtio", disk)], network_boot=name, memory_mib=256) as uefi:
                suite.equal(f"{name} over the network", uefi.up().get("/health/ready").status, 200)


# ---- other people's disks ----


def tables(folder):
    """(name, file, words of the sentence) of disks that must be left alone."""
    size = 32 << 20
    foreign = gpt.Partition(uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4"), "linux", 2048, 8192)
    state = gpt.Partition(gpt.JETON_STATE, "state", 2048, 40960)
    overlapping = gpt.Partition(gpt.EFI_SYSTEM, "esp", 4096, 2048)
    second = gpt.Partition(gpt.JETON_STATE, "second", 45056, 2048)

    def table(name, partitions, damage=()):
        path = os.path.join(folder, name + ".img")
        with open(path, "wb") as file:
            gpt.write(file, partitions, size // gpt.SECTOR)
            for offset in damage:
                file.seek(offset)
                file.write(b"\xff")
        return path

    mbr = blank(folder, "mbr.img", 32)
    with open(mbr, "r+b") as file:
        file.seek(446)
        file.write(b"\x80\x20\x21\x00\x83\xdf\x13\x0c\x00\x08\x00\x00\x00\x20\x03\x00")
        file.seek(510)
        file.write(b"\x55\xaa")
    yield "another system's GPT", table("foreign", [foreign]), "none for Jeton's state"
    yield "an empty GPT", table("empty", []), "none for Jeton's state"
    yield "an MBR", mbr, "none for Jeton's state"
    yield "both copies damaged", table("damaged", [state], (512 + 20, size - 512 + 20)), "damaged partition table"
    yield "an overlap", table("overlap", [state, overlapping]), "several partitions"
    yield "two states", table("two", [state, second]), "several partitions"


def left_alone(suite):
    with tempfile.TemporaryDirectory(prefix="jeton-disk-") as folder:
        for name, path, words in tables(folder):
            before = digest(path)
            with Firmware(False, [Disk("virtio", path)], kernel=KERNEL) as direct:
                direct.start()
                text = direct.wait_for("jeton: not started")
                suite.check(f"{name}: a sentence", words in text and "left alone" in text, text)
            suite.equal(f"{name}: nothing was written", digest(path), before)


def second_copy(suite):
    """A damaged first copy of the table: the second one still shows where the state is."""
    with tempfile.TemporaryDirectory(prefix="jeton-disk-") as folder:
        image = copy_of("jeton.img", folder)
        with Firmware(False, [Disk("virtio", image)], kernel=KERNEL) as direct:
            token = make_token(direct.up(), direct.credential())
        with open(image, "r+b") as file:
            file.seek(512 + 40)
            file.write(b"\x00\xff")
        with Firmware(False, [Disk("nvme", blank(folder)), Disk("virtio", image)], kernel=KERNEL) as direct:
            suite.equal("the partition goes before a blank disk", direct.up().get("/tokens", basic=token).status, 200)


# ---- the files ----


def files(suite):
    """The images are whole, as other people's tools see it."""
    def tool(name, *command):
        done = subprocess.run(command, cwd=IMAGES, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        suite.equal(name, done.returncode, 0)
        return done.stdout

    tool("SHA256SUMS", "sha256sum", "--check", "--strict", "SHA256SUMS")
    suite.check("sgdisk", "No problems found" in tool("sgdisk runs", "sgdisk", "--verify", "jeton.img"))
    with tempfile.NamedTemporaryFile() as esp, open(os.path.join(IMAGES, "jeton.img"), "rb") as image:
        image.seek(ESP_OFFSET)
        esp.write(image.read(34 << 20))
        esp.flush()
        tool("the EFI system partition", "fsck.fat", "-n", esp.name)
    suite.check("sections of the PE image", "EFI application" in tool("objdump", "objdump", "-p", "jeton.efi"))
    script = machine.read_text(os.path.join(IMAGES, "jeton.ipxe"))
    suite.check("iPXE script", script.startswith("#!ipxe\n") and "kernel jeton.efi" in script, script)


SCENARIOS = [("virtio", one_disk, "virtio"), ("ahci", one_disk, "ahci"), ("nvme", one_disk, "nvme"), ("qcow2", qcow2),
             ("stick", stick), ("CD", compact_disc), ("network", network),
             ("other people's disks", left_alone), ("second copy", second_copy), ("files", files)]

if __name__ == "__main__":
    SUITE = Suite()
    for NAME, FUNCTION, *ARGUMENTS in SCENARIOS:
        if len(sys.argv) < 2 or any(word in NAME for word in sys.argv[1:]):
            SUITE.run(NAME, FUNCTION, *ARGUMENTS)
    SUITE.finish()
