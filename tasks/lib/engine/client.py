"""A client of a container engine: the Docker SDK, with our errors and our patience.

in   an Engine (engine.py)
out  `connect(engine)` → Client; `Client.api` is the SDK's low-level client, used only inside of
     `client.errors_while(doing)`, which turns the SDK's errors into EngineError, and through
     `client.watched_items(items)`, which gives up within seconds once the engine no longer answers, however long an
     item takes while it does
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..base.errors import FULL, BuildError, EngineError
from . import find as engines
from .watchdog import watched_items

if TYPE_CHECKING:
    from docker import APIClient

    from .find import Engine

T = TypeVar("T")
MISSING = 404
LOOK = "The engine's log may say more (journalctl -u docker); then run the same command again."
KNOWN = {  # words in an engine's message → the next act
    "no space left on device": "Make room on the engine's disk (docker system prune), then run again.",
    "exec format error": "The engine cannot run that processor's programs: install qemu-user-static on its machine, "
    "or leave `platform` out of lambda.toml.",
    "does not match the specified platform": "Name a base_image that is there for `platform`, or leave that out.",
    "manifest unknown": "Correct `base_image` in lambda.toml.",
    "pull access denied": "Correct `base_image` in lambda.toml, or sign in (docker login).",
    "repository does not exist": "Correct `base_image` in lambda.toml.",
    "no such host": "The engine's machine finds no such registry: look at its network, name a base_image it has, or "
    'build with this host\'s GHC (builder = "host").',
    r"network \S+ not found": "Correct `network` in lambda.toml.",
    "could not find an available": "Remove networks that nobody uses (docker network prune), then run again.",
}


class MissingError(EngineError):
    """What was asked for is not there (any more)."""


class Client:
    """One connection to an engine."""

    def __init__(self, engine: Engine, api: APIClient) -> None:
        self.engine = engine
        self.api = api
        self.gone = False

    def call(self, doing: str, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """One call of the SDK, told and watched."""

        def once() -> Iterator[T]:
            yield function(*arguments, **named)

        with self.errors_while(doing):
            return next(self.watched_items(once()))

    def watched_items(self, items: Iterable[T]) -> Iterator[T]:
        """The items as they come, with an eye on the engine."""
        return watched_items(items, self.ping)

    def ping(self) -> None:
        """EngineError when the engine gives no sign of life; from then on it is taken to be gone."""
        try:
            engines.ping(self.engine)
        except EngineError:
            self.gone = True
            raise

    @contextmanager
    def errors_while(self, doing: str) -> Iterator[None]:
        """Raise the SDK's errors as EngineError or MissingError; `doing` completes "while …".

        A disk without room stays an OSError: no connection has one, so that it is of what is written here.
        """
        import requests
        import urllib3
        from docker import errors

        try:
            yield
        except BuildError:
            raise
        except errors.APIError as error:
            raise self.error(doing, str(error.explanation or error), error.status_code) from error
        except (errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            self.ping()  # says better why, if the engine has gone
            raise self.error(doing, str(error)) from error

    def error(self, doing: str, reason: str, status: int | None = None) -> EngineError:
        """The engine's own words, and the next act where it is known."""
        kind = MissingError if status == MISSING else EngineError
        hint = next((hint for words, hint in KNOWN.items() if re.search(words, reason, re.IGNORECASE)), LOOK)
        return kind(f"The container engine failed while {doing}: {reason.strip()}", hint)


def connect(engine: Engine) -> Client:
    """The client of an engine that answers; nothing is asked of it yet but its version."""
    import docker

    engine = engines.endpoint(engine)
    secured = _tls(engine) if engine.certificates else False
    answer = engines.ping(engine)
    api = docker.APIClient(base_url=engine.address, version=answer.api, timeout=None, tls=secured)
    api.trust_env = False  # REQUESTS_CA_BUNDLE would go before the engine's own authority, a proxy before the engine
    return Client(engine, api)


def _tls(engine: Engine) -> Any:
    from docker.tls import TLSConfig

    folder = Path(engine.certificates)
    pair = (str(folder / "cert.pem"), str(folder / "key.pem")) if (folder / "cert.pem").exists() else None
    return TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem") if engine.verify else None, verify=engine.verify)
