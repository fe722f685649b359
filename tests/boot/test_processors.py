#!/usr/bin/env python3
"""The image on processors old and new, emulated: it serves on each, by code that the processor has, and prefers the cipher
that is faster there: under software emulation ChaCha20-Poly1305, unless the client does not offer it.
"""

import re
import subprocess

from appliance import Rig, Suite

# Neither SSSE3 nor AES; SSSE3 only; AES and PCLMULQDQ; AVX; AVX2 and ADX; all that the emulator has.
PROCESSORS = ("qemu64,-ssse3,-aes,-pclmulqdq", "core2duo", "Westmere", "SandyBridge", "Broadwell", "max")
CHACHA, AES = "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"
CHACHA_12, AES_12 = "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"


def cipher(rig, *offer):
    """What a handshake with s_client agrees on."""
    address = re.sub("^https://", "", rig.info["url"])
    command = ["openssl", "s_client", "-connect", address, "-CAfile", rig.info["ca_file"], "-verify_return_error", *offer]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"(?m)^New, TLSv1\.[23], Cipher is (\S+)", done.stdout)
    return found[1] if found else done.stdout + done.stderr


def serves(suite, processor):
    with Rig("qemu", options=["--qemu=-cpu", f"--qemu={processor}"]) as rig:
        client = rig.client()
        made = client.post("/tokens", {"name": "one", "permissions": ["VIEW"]}, basic=rig.basic)
        suite.check(f"{processor}: issues", made.status == 201, made)
        listed = client.get("/tokens", basic=(made.json["clientId"], made.json["clientSecret"]))
        suite.check(f"{processor}: serves", listed.status == 200, listed)
        suite.equal(f"{processor}: TLS 1.3, AES asked for first",
                    cipher(rig, "-tls1_3", "-ciphersuites", f"{AES}:{CHACHA}"), CHACHA)
        suite.equal(f"{processor}: TLS 1.3, only AES", cipher(rig, "-tls1_3", "-ciphersuites", AES), AES)
        suite.equal(f"{processor}: TLS 1.2, AES asked for first",
                    cipher(rig, "-tls1_2", "-cipher", f"{AES_12}:{CHACHA_12}"), CHACHA_12)
        suite.equal(f"{processor}: TLS 1.2, only AES", cipher(rig, "-tls1_2", "-cipher", AES_12), AES_12)


if __name__ == "__main__":
    SUITE = Suite()
    for PROCESSOR in PROCESSORS:
        serves(SUITE, PROCESSOR)
    SUITE.finish()
