#!/usr/bin/env python3
"""Comparing secrets, MACs, sealing, signing and key agreement: no branch and no address depends on a secret, says valgrind;
and valgrind can tell, says the control.
"""

import os
import subprocess

from appliance import ROOT, Suite

REPORTED = 9


def run(path):
    command = ["valgrind", "--quiet", f"--error-exitcode={REPORTED}",
               "--suppressions=" + os.path.join(ROOT, "tests", "tools", "constant_time.supp"),
               os.path.join(ROOT, "build", "constant_time"), path]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)


if __name__ == "__main__":
    SUITE = Suite()
    for PATH, EXPECTED in (("compare", 0), ("mac", 0), ("seal", 0), ("sign", 0), ("agree", 0), ("control", REPORTED)):
        DONE = run(PATH)
        SUITE.check(f"{PATH}: exit {EXPECTED}", DONE.returncode == EXPECTED, DONE.stderr[-2000:])
    SUITE.finish()
