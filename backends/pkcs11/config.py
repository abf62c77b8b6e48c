"""What is told about one PKCS#11 module.  Where modules are found is in discovery.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModuleConfig:
    """One PKCS#11 module.

    ``name``: for people, the log and the READER line; not empty.  ``path``: the shared object.
    ``start_timeout``: seconds that starting the worker, loading the module and C_Initialize may
    take together (OpenSC looks at every reader there, some seconds each).  ``timeout``: seconds
    that any one request may take, a touch or the typing on a PIN pad included.
    ``workers``: how many processes load the module, so that as many keys of a token can be at work
    at the same time.  ``remote``: where p11-kit's remoting finds the module, as pkcs11.conf(5)
    has it (``|command`` or ``unix:path=...``); ``path`` is then that of p11-kit-client.
    """

    name: str
    path: str
    start_timeout: float = 30.0
    timeout: float = 60.0
    workers: int = 1
    remote: str = ""
