"""Load on a server, and what the server pays for it: build/bench/tls_load, and processor time from /proc.

Servers run on the first core and the client on the last, where there are two.
"""

import json
import os
import statistics
import subprocess
import tempfile

from appliance import ROOT

CLIENT = os.path.join(ROOT, "build", "bench", "tls_load")
CORES = sorted(os.sched_getaffinity(0))
RUNS = 5
PATIENCE_S = 60


def row(name, unit, value, peer=None, goal=None):
    """A row; `peer` is (name, value), and `goal` the ratio to reach, at least or (a string "<= 1/20") at most."""
    if peer is None:
        return {"name": name, "unit": unit, "us": value, "goal": None, "met": None}
    ratio = value / peer[1]
    if isinstance(goal, str):
        met, text = ratio <= 1 / float(goal.removeprefix("<= 1/")), goal
    else:
        met, text = (ratio >= goal, f">= {goal:g} x") if goal else (None, None)
    return {"name": name, "unit": unit, "us": value, "peer": peer[1], "peer_name": peer[0], "ratio": ratio,
            "goal": text, "met": met}


def pin_server(pid):
    """Keep a process, and what it will start, on the core of servers."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {CORES[0]})


def cpu_seconds(pids):
    """User and system time of processes, all their threads; nanoseconds fine."""
    total_ns = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                total_ns += int(file.read().split()[0])
    return total_ns / 1e9


class Target:
    """A server as the client sees it; `pids()` are the processes that it pays for."""

    def __init__(self, name, address, ca_file, pids, namespace=""):
        self.name, self.address, self.ca_file, self.pids, self.namespace = name, address, ca_file, pids, namespace


class Work:
    """One kind of load on one target; `folder` keeps its request."""

    def __init__(self, target, folder, request, expect, **options):
        self.target = target
        with tempfile.NamedTemporaryFile("wb", prefix="request-", dir=folder, delete=False) as file:
            file.write(request)
        host, port = target.address
        prefix = ["ip", "netns", "exec", target.namespace] if target.namespace else []
        options = {"address": host, "port": port, "ca": target.ca_file, "request": file.name, "expect": expect, **options}
        self.command = [*prefix, "taskset", "-c", str(CORES[-1]), CLIENT,
                        *(f"{name}={value}" for name, value in options.items())]
        self.runs = []

    def once(self, **options):
        """One run: what the client saw, with cpu_s beside it."""
        words = [f"{name}={value}" for name, value in options.items()]
        process = subprocess.Popen([*self.command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"{self.target.name}: {process.stderr.read()[:2000]}")
            before = cpu_seconds(self.target.pids())
            process.stdin.write("go\n")
            process.stdin.flush()
            line = process.stdout.readline()
            spent_s = cpu_seconds(self.target.pids()) - before
            if not line:
                raise RuntimeError(f"{self.target.name}: {process.stderr.read()[:2000]}")
            _, errors = process.communicate(timeout=PATIENCE_S)
            if process.returncode != 0:
                raise RuntimeError(f"{self.target.name}: {errors[:2000]}")
        finally:
            process.kill()
            process.wait()
        seen = {**json.loads(line), "cpu_s": spent_s}
        seen["per_cpu_s"] = seen["answers"] / spent_s
        seen["per_s"] = seen["answers"] / seen["seconds"]
        self.runs.append(seen)
        return seen

    def median(self, member):
        return statistics.median(run[member] for run in self.runs)


def alternate(works, seconds, runs=RUNS):
    """Each work in turn, `runs` times over and every other time backwards, after a short one of each to warm up."""
    for work in works:
        work.once(seconds=0.2)
        work.runs.clear()
    for run in range(runs):
        for work in works[::-1] if run % 2 else works:
            work.once(seconds=seconds)
