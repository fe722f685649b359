#!/usr/bin/env python3
"""Secure Boot with keys of our own, under OVMF's secure variant: what is signed starts; what is not, or was changed
after, or is signed by someone else does not.

Ends with 'N passed, N failed, N skipped'.
"""
import os
import shutil
import ssl
import subprocess
import tempfile

import uefi_variables
from appliance import ROOT, Suite
from firmware import IMAGES, OVMF, Disk, Firmware
import machine  # of images/, through appliance

ESP_OFFSET = 4096 * 512
PROGRAM = "::EFI/BOOT/BOOTX64.EFI"
STARTED, REFUSED = "jeton.efi: starting", "Access Denied"
MEMORY_MIB = 256


def run(*command):
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=True, env=dict(os.environ, MTOOLS_SKIP_CHECK="1"))


def make_key(folder, name):
    """A key and its self-signed certificate, PEM."""
    key, cert = (os.path.join(folder, f"{name}.{ending}") for ending in ("key", "crt"))
    run("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "30", "-subj",
        f"/CN=Jeton test {name}/", "-keyout", key, "-out", cert)
    return key, cert


def signed_images(folder, name, key, cert):
    """`make image` with a key, elsewhere: the disk image."""
    out = os.path.join(folder, name)
    run("images/build", "--out", out, "--key", key, "--cert", cert)
    return os.path.join(out, "jeton.img")


def changed(folder, image):
    """A copy with one byte in the middle of its UEFI program turned."""
    path, program = os.path.join(folder, "changed.img"), os.path.join(folder, "changed.efi")
    shutil.copyfile(image, path)
    run("mcopy", "-o", "-i", f"{path}@@{ESP_OFFSET}", PROGRAM, program)
    with open(program, "r+b") as file:
        middle = file.seek(os.path.getsize(program) // 2)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 1]))
    run("mcopy", "-o", "-i", f"{path}@@{ESP_OFFSET}", program, PROGRAM)
    return path


def starts(suite, image, variables):
    with Firmware(True, [Disk("virtio", image, boot=True)], secure_vars=variables, memory_mib=MEMORY_MIB) as uefi:
        suite.equal("signed: serves", uefi.up().get("/health/ready").status, 200)


def refused(suite, name, image, variables):
    with Firmware(True, [Disk("virtio", image, boot=True)], secure_vars=variables, memory_mib=MEMORY_MIB) as uefi:
        uefi.start()
        text = uefi.wait_for(REFUSED, STARTED, "jeton: ready")
        suite.check(f"{name}: refused", REFUSED in text and STARTED not in text, text)


def secure_boot(suite):
    with tempfile.TemporaryDirectory(prefix="jeton-secure-") as folder:
        key, cert = make_key(folder, "owner")
        variables = os.path.join(folder, "vars.fd")
        uefi_variables.enrol(f"{OVMF}/OVMF_VARS_4M.fd", variables, ssl.PEM_cert_to_DER_cert(machine.read_text(cert)))
        signed = signed_images(folder, "signed", key, cert)
        foreign = signed_images(folder, "foreign", *make_key(folder, "stranger"))
        unsigned = os.path.join(folder, "unsigned.img")
        shutil.copyfile(os.path.join(IMAGES, "jeton.img"), unsigned)
        refused(suite, "unsigned", unsigned, variables)
        refused(suite, "changed", changed(folder, signed), variables)
        refused(suite, "signed by a stranger", foreign, variables)
        starts(suite, signed, variables)


if __name__ == "__main__":
    SUITE = Suite()
    SUITE.run("Secure Boot", secure_boot)
    SUITE.finish()
