"""A resource manager for a TPM, which by itself has room for three keys at a time: tpm2-abrmd on a
private bus."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bed.process import end, processes_of
from tests.bed.unpacked import find, library_path

_NAME = "com.intel.tss2.Tabrmd"

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={directory}/bus</listen>
  <servicedir>{directory}/services</servicedir>
  <policy context="default">
    <allow send_destination="*"/> <allow eavesdrop="true"/> <allow own="*"/>
  </policy>
</busconfig>
"""

_SERVICE = "[D-BUS Service]\nName={name}\nExec={program} --session --allow-root --tcti={tcti}\n"


@contextmanager
def resource_manager(directory: Path, tcti: str) -> Iterator[dict[str, str]]:
    """Start the bus, which starts the manager when somebody asks for it.

    ``tcti``: how the TPM is reached.  Yields what its clients need in their environment.
    """
    services = directory / "services"
    services.mkdir()
    service = _SERVICE.format(name=_NAME, program=find("usr/sbin/tpm2-abrmd"), tcti=tcti)
    (services / f"{_NAME}.service").write_text(service)
    bus = _start_bus(directory)
    try:
        assert bus.stdout is not None
        address = bus.stdout.readline().decode().strip()  # which it tells once it listens
        yield {"DBUS_SESSION_BUS_ADDRESS": address}
    finally:
        managers = processes_of(f"--tcti={tcti}")
        bus.terminate()
        bus.communicate(timeout=10)
        for manager in managers:
            end(manager)  # which it comes to without its bus


def _start_bus(directory: Path) -> subprocess.Popen[bytes]:
    configuration = directory / "bus.conf"
    configuration.write_text(_BUS.format(directory=directory))
    program = [str(find("usr/bin/dbus-daemon")), "--nofork", "--print-address"]
    with (directory / "bus.log").open("wb") as log:
        return subprocess.Popen(
            [*program, f"--config-file={configuration}"],
            env={**os.environ, **library_path()},
            stdout=subprocess.PIPE,
            stderr=log,
        )
