"""What the figures were measured on and with; no names of machines, users or places."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

import psutil

from bot.supervisor import RASA

#: Packages of the assistant's environment whose versions are reported.
PACKAGES = ("rasa", "tensorflow-cpu", "tensorflow", "scikit-learn", "onnxruntime", "numpy")
_VERSIONS = """
import json, platform, sys
from importlib.metadata import PackageNotFoundError, version
found = {"Python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def _processor() -> str:
    """The processor's model name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def describe() -> dict[str, str]:
    """The machine in words."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "processor": f"{_processor()}, {os.cpu_count()} logical cores",
        "memory": f"{memory:.0f} GiB",
        "system": _system(),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def versions() -> dict[str, str]:
    """Versions of the assistant's environment, and of the helper's Python."""
    python = RASA.with_name("python")
    done = subprocess.run(
        [str(python), "-c", _VERSIONS, *PACKAGES],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return {**found, "Python of the helper": platform.python_version()}
