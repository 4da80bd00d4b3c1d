"""AWS as far as moto knows it, as a server on loopback."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from moto import backends
from moto.server import ThreadedMotoServer

MODULES = tuple(backends.list_of_moto_modules())


@contextmanager
def moto() -> Iterator[int]:
    """Its port. Empty: moto's memory is the process's, and an earlier server's account would be there yet.

    It lists its own folder for each request, a third of the time that one takes: here once.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with patch.object(backends, "list_of_moto_modules", lambda: MODULES):
        server.start()
        try:
            port = server.get_host_and_port()[1]
            urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/reset", b"").close()
            yield port
        finally:
            server.stop()
