#!/usr/bin/env python3
"""A flash that is missing, foreign, damaged or of another machine: a sentence on the console, no serving, no write."""

import hashlib
import os
import random
import subprocess
import zlib

from appliance import Rig, Suite, first_tenant
import machine  # of images/, through appliance


HEADER_BYTES = 16384  # the header's copies lie before this offset


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def write_at(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def refused(suite, name, rig, words):
    """The boot fails, says why in one of `words`, and leaves the flash as it is."""
    flash = machine.make_flash(rig.directory, "pflash")
    before = digest(flash)
    done = rig.try_up()
    text = done.stdout + done.stderr
    suite.check(f"{name}: no boot", done.returncode != 0, text)
    suite.check(f"{name}: a sentence", any(word in text.lower() for word in words), text)
    suite.check(f"{name}: not ready", "ready url" not in text, text)
    suite.equal(f"{name}: nothing written", digest(flash), before)


def foreign(suite):
    """Not blank, not ours: random bytes, zeros, a text in the middle of a blank flash."""
    noise = random.Random(1)
    for name, offset, data in (("noise", 0, noise.randbytes(8 << 20)), ("zeros", 0, bytes(1 << 20)),
                               ("a text in the middle", 3_000_000, b"somebody's only copy")):
        with Rig(boot=False) as rig:
            flash = machine.make_flash(rig.directory, "pflash")
            write_at(flash, offset, data[:os.path.getsize(flash) - offset])
            refused(suite, name, rig, ("not jeton", "foreign", "not blank", "erase"))


def damaged(suite):
    """A flash with records, then one byte of an early record changed: refused. Mended: everything is back."""
    with Rig() as rig:
        client = rig.client()
        for index in range(20):
            client.post("/tokens", {"name": f"token {index}", "permissions": ["VIEW"]}, basic=rig.basic)
        tenant = first_tenant(client, rig.basic)
        client.close()
        rig.down()
        flash = machine.make_flash(rig.directory, "pflash")
        with open(flash, "rb") as file:
            content = file.read()
        programmed = [at for at in range(HEADER_BYTES, len(content)) if content[at] != 0xff]
        offset = programmed[len(programmed) // 3]
        write_at(flash, offset, bytes([content[offset] ^ 0x10]))
        refused(suite, "one bit", rig, ("damaged", "restore"))
        write_at(flash, offset, content[offset:offset + 1])
        rig.up()
        suite.equal("mended", first_tenant(rig.client(), rig.basic), tenant)


def set_version(flash, version):
    """In both copies of the header (app/store/FORMAT.md), with the sum that makes them whole."""
    for copy in (0, 4096):
        with open(flash, "rb") as file:
            file.seek(copy)
            block = file.read(4096)
        body = version.to_bytes(4, "little") + block[516:764]
        write_at(flash, copy + 512, body + zlib.crc32(block[:16] + body).to_bytes(4, "little"))


def other_version(suite):
    """A flash of a format before this one is left to the program that wrote it."""
    with Rig() as rig:
        tenant = first_tenant(rig.client(), rig.basic)
        rig.down()
        flash = machine.make_flash(rig.directory, "pflash")
        before = digest(flash)
        with open(flash, "rb") as file:
            ours = int.from_bytes(file.read(516)[512:], "little")
        for version in (1, ours - 1, ours + 1):
            set_version(flash, version)
            refused(suite, f"version {version}", rig, (f"format version {version}, this program reads {ours}",))
        set_version(flash, ours)
        suite.equal("as it was", digest(flash), before)
        rig.up()
        suite.equal("our version", first_tenant(rig.client(), rig.basic), tenant)


def other_secret(suite):
    """A flash that was sealed under a device secret does not open under another one."""
    with Rig(options=("--option", "device_secret=first")) as rig:
        rig.down()
        rig.arguments[-1] = "device_secret=second"
        refused(suite, "another secret", rig, ("secret",))
        rig.arguments[-1] = "device_secret=first"
        rig.up()
        suite.equal("the right secret", rig.client().get("/health/ready").status, 200)


def missing(suite):
    """A machine without any flash."""
    with Rig(boot=False) as rig:
        settings = {"machine": "q35", "disk": "pflash", "memory_mib": 64, "accel": "tcg", "options": []}
        console = machine.new_console(rig.directory)
        port = next(machine.random_ports())
        command = machine.qemu_command(settings, rig.directory, machine.make_flash(rig.directory, "pflash"), port)
        without = [word for at, word in enumerate(command)
                   if "if=pflash" not in word and not (word == "-drive" and "if=pflash" in command[at + 1])]
        done = subprocess.run(without, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        text = machine.read_text(console)
        suite.check("no flash: ends by itself", done.returncode != 0, done)
        suite.check("no flash: a sentence", "flash" in text.lower() and "ready url" not in text, text)


if __name__ == "__main__":
    SUITE = Suite()
    for SCENARIO in (foreign, damaged, other_version, other_secret, missing):
        SUITE.run(SCENARIO.__name__, SCENARIO)
    SUITE.finish()
