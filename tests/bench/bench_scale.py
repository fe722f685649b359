"""Many connections at a time: what an idle one takes, and whether the next one costs more for those that are there."""

import resource
import socket
import ssl

import load
from appliance import Rig, within

COUNT, MEMORY_MIB, STEP = 10000, 600, 1000
ADDRESS = ("10.77.0.2", 443)


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def open_some(rig, context, opened):
    for _ in range(STEP):
        opened.append(context.wrap_socket(socket.create_connection(ADDRESS, 20), server_hostname=ADDRESS[0]))


def scale():
    """10,000 idle TLS connections; processor time of the server for the first and the last thousand."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (COUNT + 1000, COUNT + 1000))
    with Rig(platform="linux", memory_mib=MEMORY_MIB) as rig:
        pid, opened, costs_us = rig.info["pid"], [], []
        context = ssl.create_default_context(cafile=rig.info["ca_file"])
        before = resident_bytes(pid)
        try:
            for _ in range(COUNT // STEP):
                spent_s = load.cpu_seconds([pid])
                within(rig.namespace, open_some, rig, context, opened)
                costs_us.append((load.cpu_seconds([pid]) - spent_s) / STEP * 1e6)
        except OSError as error:
            print(f"after {len(opened)} connections: {error}", flush=True)
        each = (resident_bytes(pid) - before) / max(1, len(opened))
        for tls in opened:
            tls.close()
    yield {"name": f"idle TLS connections in {MEMORY_MIB} MiB", "unit": "", "us": len(opened), "goal": f">= {COUNT}",
           "met": len(opened) >= COUNT}
    yield {"name": "memory of an idle TLS connection, all in", "unit": "KiB", "us": each / 1024, "goal": None, "met": None}
    yield {"name": "accepting and a handshake, first thousand", "unit": "us of CPU", "us": costs_us[0], "goal": None,
           "met": None}
    yield {"name": "the same, last thousand", "unit": "us of CPU", "us": costs_us[-1], "goal": "<= 1.25 x",
           "met": costs_us[-1] <= 1.25 * costs_us[0]}


BENCHMARKS = [scale]
