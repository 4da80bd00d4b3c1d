"""`doit local`: a Lambda on this machine, for browsers, curl and SDKs.

in   packages, a port, the front to imitate
out  each function at an address of its own (address.py), Lambda's API over all of them on the port (lambda_api.py), a
     page at its `/` (page.py); until the process is told to stop

A package whose zip or settings change is served anew, from the next event on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from ..base.errors import ToolError
from .address import Address
from .asynchronous import RETRY_AFTER_S
from .fronts.forms import Form
from .lambda_api import LambdaApi
from .listen import Server
from .page import News, Page
from .pool import CONCURRENCY, Pool
from .start import tell_of_no_room
from .wire import Exchange

if TYPE_CHECKING:
    from .function import Package

LOOK_S = 0.3
HTTP_PORT = 9100  # of the first function


def serve(  # noqa: PLR0913 - a server has these settings
    packages: Sequence[Package],
    *,
    port: int = 9000,
    http_port: int = HTTP_PORT,
    front: Form = Form.URL,
    concurrency: int = CONCURRENCY,
    retry_after_s: Sequence[float] = RETRY_AFTER_S,
    watch: Callable[[], Sequence[Package]] | None = None,
    log: Callable[[str], None],
) -> None:
    """Serve `packages` until the process is told to stop (KeyboardInterrupt, SystemExit); nothing is left behind.

    `watch` is asked for the packages as they are now, again and again; without it they stay as they were. ToolError
    when the port cannot be had; a function's own port gives way to a free one where somebody uses it.
    """
    news = News(log)
    pools = {package.name: Pool(package, news.log, concurrency) for package in packages}
    addresses: dict[str, str] = {}
    with ExitStack() as last:
        page = Page(pools, addresses, news)
        api = _listening(port, LambdaApi(pools, addresses, page.handle, retry_after_s).handle)
        last.callback(api.close)
        for index, (name, pool) in enumerate(pools.items()):
            last.callback(pool.stop)
            pool.refresh()
            server = _at_or_near(http_port and http_port + index, Address(pool, front, news.log).handle)
            last.callback(server.close)
            server.start()
            addresses[name] = f"http://127.0.0.1:{server.port}/"
        last.callback(news.end)
        api.start()
        tell_of_no_room(packages, news.log)
        width = max((len(name) for name in pools), default=0)
        for name, address in addresses.items():
            news.log(f"{name:{width}} → {address}")
        news.log(f"{'':{width}}   http://127.0.0.1:{api.port}/ is the Lambda API (--endpoint-url) and a page")
        _watch_over(pools, watch)


def _watch_over(pools: dict[str, Pool], watch: Callable[[], Sequence[Package]] | None) -> None:
    while True:
        time.sleep(LOOK_S)
        now = {package.name: package for package in watch()} if watch else {}
        for name, pool in pools.items():
            pool.package = now.get(name, pool.package)
            pool.try_refresh()


def _listening(port: int, handle: Callable[[Exchange], None]) -> Server:
    try:
        return Server(port, handle)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise ToolError(
            f"127.0.0.1:{port} cannot be used: {why}.", "Choose another: --port N, or end what uses it."
        ) from error


def _at_or_near(port: int, handle: Callable[[Exchange], None]) -> Server:
    """A server at that port, or at a free one."""
    with suppress(OSError, OverflowError):
        return Server(port, handle)
    return Server(0, handle)
