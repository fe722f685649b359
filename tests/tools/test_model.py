#!/usr/bin/env python3
"""spin goes through all states of tests/model/log.pml, and finds what each broken rule would do.

  tests/tools/test_model.py [--long]

Every run is exhaustive within its bounds. Without a counterexample for a broken rule the model would prove nothing.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(ROOT, "tests", "model", "log.pml")
MEMORY_MIB = 2000
DEPTH = 10000
# Frames of a segment, frames ever sealed (and none), cuts: a turn of the ring, two cuts, larger groups.
BOUNDS = {"one cut in a long log": (2, 9, 1), "two cuts": (2, 7, 2), "larger groups": (3, 7, 2)}
LONG = {"one cut in a long log": (2, 10, 1), "two cuts": (2, 8, 2), "larger groups": (3, 8, 2)}
BROKEN = {
    "an erase that is not durable is programmed over": (1, (2, 9, 1)),
    "a segment begins before all before it is durable": (2, (2, 9, 1)),
    "a sync acknowledges what was programmed while it ran": (3, (2, 9, 1)),
    "the rest of a torn segment is used": (4, (3, 7, 2)),
    "a frame takes a sync under way for done": (5, (3, 7, 2)),
    "a segment is erased before the commit point": (6, (2, 9, 1)),
    "a copy of a revoked token is active": (7, (2, 9, 1)),
    "the log is cut short before the copies are in it": (8, (2, 9, 1)),
}


def run(folder, bounds, broken=0):
    """(states, the assertion that failed or None)."""
    names = ("FRAMES", "FRAME_MAX", "CUT_MAX", "BROKEN")
    defines = [f"-D{name}={value}" for name, value in zip(names, (*bounds, broken))]
    subprocess.run(["spin", "-a", *defines, MODEL], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["gcc", "-O0" if broken else "-O2", "-w", "-DSAFETY", "-DNOREDUCE", f"-DMEMLIM={MEMORY_MIB}", "-o", "pan", "pan.c"],
                   cwd=folder, check=True)
    output = subprocess.run(["./pan", f"-m{DEPTH}", "-w22"], cwd=folder, check=True, capture_output=True, text=True).stdout
    violated = re.search(r"pan:1: assertion violated (.*?) \(at depth", output)
    if "max search depth too small" in output or "Search not completed" in output and violated is None:
        sys.exit(f"not all states were seen:\n{output}")
    return int(re.search(r"(\d+) states, stored", output)[1]), violated and violated[1]


def main():
    if shutil.which("spin") is None:
        print("spin is not installed\n0 passed, 0 failed, 1 skipped")
        return 77
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="jeton-model-") as folder:
        for name, bounds in (LONG if "--long" in sys.argv else BOUNDS).items():
            states, violated = run(folder, bounds)
            print(f"{name}: {states:,} states, {violated or 'every promise holds'}", flush=True)
            passed, failed = passed + (violated is None), failed + (violated is not None)
        for name, (number, bounds) in BROKEN.items():
            states, violated = run(folder, bounds, number)
            print(f"{name}: {violated or 'NOT FOUND'} after {states:,} states", flush=True)
            passed, failed = passed + (violated is not None), failed + (violated is None)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
