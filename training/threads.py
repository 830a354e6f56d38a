"""How the cores are used: how many, and how threads wait for each other. No torch until `threads_set`."""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
SAMPLED_SECONDS = 0.2
BUSY_SHARE = 0.2  # of one core, in use by others; more than that, and they are at work

# Turns of the loop in which a thread looks whether the others are done before it goes to sleep; some tens of
# microseconds. HH-like DPO of the 13 M shape on two cores of its own: 11.1 rows/s, asleep at once 7.1. With
# another program busy on one of the cores: 2.0 and 7.2, since those who look keep the core from those who work.
TURNS = "10000"


def waiting() -> dict[str, str]:
    """The environment in which threads look for each other on idle cores and sleep on shared ones.

    OpenMP reads it when torch is first imported. What an operator has set stays. Cores that get busy later are
    not noticed.
    """
    if "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ:
        return {}
    return {"GOMP_SPINCOUNT": TURNS} if cores_are_idle() else {"OMP_WAIT_POLICY": "PASSIVE"}


def cores_are_idle() -> bool:
    """Whether nobody else is at work here; False where the system does not tell."""
    try:
        before = _busy_seconds()
        time.sleep(SAMPLED_SECONDS)  # what is measured is what others do in the meantime
        return _busy_seconds() - before < BUSY_SHARE * SAMPLED_SECONDS
    except (OSError, ValueError, IndexError):
        return False


def _busy_seconds() -> float:
    """Time that all cores together have worked for anybody. Source: proc(5)."""
    ticks = [int(number) for number in STAT.read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _waiting, irq, softirq, steal = ticks
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def threads_set() -> None:
    """Use TIEBREAK_THREADS cores, or all physical ones: hyper-threads only get in each other's way."""
    import torch

    wanted = os.environ.get("TIEBREAK_THREADS")
    share = _physical_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(max(1, int(wanted) if wanted and wanted.isdigit() else share))


def _physical_cores() -> int:
    """Cores this process may run on, hyper-threads counted once where the system tells."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings = set()
    for cpu in allowed:
        file = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            siblings.add(file.read_text().strip())
        except OSError:
            siblings.add(str(cpu))
    return max(1, len(siblings))
