"""Handshakes in memory and primitives, ours and OpenSSL's by turns in one process: tests/bench/handshake.c."""

import os
import re
import statistics
import subprocess

import machine  # of images/, through appliance

PROGRAM = os.path.join(machine.ROOT, "build", "bench", "handshake")
TURNS = 5
HANDSHAKE_GOAL = 1.3
NAMES = {
    "handshake": "TLS 1.3 handshake in memory, server side",
    "p256_sign": "ECDSA P-256 signature, nonce included",
    "x25519": "X25519 key and shared secret",
    "gcm_16384": "AES-128-GCM, 16 KiB",
    "gcm_256": "AES-128-GCM, 256 bytes",
    "sha256_16384": "SHA-256, 16 KiB",
}


def measure():
    """The median of the turns of each figure, in nanoseconds of the processor."""
    done = subprocess.run([PROGRAM, f"turns={TURNS}", "memory=64"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=300, check=True)
    found = {}
    for name, value in re.findall(r"(?m)^(\w+)=(\d+)\s*$", done.stdout):
        found.setdefault(name, []).append(int(value))
    assert all(len(values) == TURNS for values in found.values()), found
    return {name: statistics.median(values) for name, values in found.items()}


def crypto():
    """How many times as fast as OpenSSL; only the handshake has a goal."""
    medians = measure()
    for name, sentence in NAMES.items():
        ours, theirs = medians[name + "_ours"] / 1000, medians[name + "_openssl"] / 1000
        goal = HANDSHAKE_GOAL if name == "handshake" else None
        yield {"name": sentence, "unit": "us of CPU", "us": ours, "peer": theirs, "peer_name": "OpenSSL",
               "ratio": theirs / ours, "goal": f">= {goal} x" if goal else None,
               "met": theirs / ours >= goal if goal else None}


BENCHMARKS = (crypto,)
