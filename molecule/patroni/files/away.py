"""A leader whose session ended while it was away asks for the lock that another has by now.

Prints whether it got it. Uses a scope of its own in the cluster's etcd.
"""

import inspect
import os
import runpy
import sys
from pathlib import Path

import yaml

# Not run as the main program, so it mends Patroni and does no more.
runpy.run_path("/usr/local/sbin/fivebox-patroni")
from patroni.dcs import get_dcs  # noqa: E402


def member(name):
    settings = yaml.safe_load(Path("/etc/patroni/config.yml").read_text())
    timing = {"ttl": 30, "loop_wait": 2, "retry_timeout": 5}
    return get_dcs({**settings, **timing, "scope": "probe", "name": name})


def update(dcs, known):
    # Patroni 4 is told what is known; 3 remembers it.
    asks = "cluster" in inspect.signature(dcs.update_leader).parameters
    return dcs.update_leader(*([known] if asks else []), None)


away, here = member("away"), member("here")
led = away.attempt_to_acquire_leader()
known = away.get_cluster()
led = led and update(away, known)
away._client.call_rpc("/lease/revoke", {"ID": away._lease})
taken_over = here.attempt_to_acquire_leader()
got = update(away, known)
for dcs in (away, here):
    dcs._client.call_rpc("/lease/revoke", {"ID": dcs._lease})
print(f"led: {bool(led)}, another took over: {bool(taken_over)}, got it back: {bool(got)}")
sys.stdout.flush()
# Patroni's watching threads do not end by themselves.
os._exit(0)
