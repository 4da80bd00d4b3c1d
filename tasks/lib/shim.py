"""The shims: what stands between Lambda's Runtime API and the executable.

in   shim/run-*.js, shim/*.c, and how the function's executable is driven (`ShimSettings`)
out  run.js (Node runtimes) or bootstrap (`provided.al2023`), the same bytes for the same settings anywhere

shim/README.md holds the contract both keep.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from .base.errors import BuildError, ToolError
from .base.files import PROGRAM_MODE, replacement, scratch, write
from .build.compiler import compile_c
from .platform.architecture import Architecture, own_architecture
from .platform.fronts import PRELUDE_TYPE
from .platform.layout import DATA, LIB
from .platform.limits import ANSWER_BYTES, STREAM_BYTES
from .settings.web import READY_LONGEST_S, status_ranges
from .settings.words import Input, Process, Response, StageInPath

NAME = "name.c"  # all that functions driven in the same way do not share
GROUND_SOURCES = (
    "text.c", "base64.c", "json_text.c", "json.c", "record.c", "log.c", "memory.c", "loop.c", "program.c", "child.c",
)  # fmt: skip
API_SOURCES = ("api_link.c", "api_reply.c", "api_rest.c", "api.c", "api_stream.c")
SOURCES = (  # each uses only those before it
    *GROUND_SOURCES,
    *API_SOURCES,
    "failure.c",
    "envelope.c",
    "exchange.c",
    "per_event.c",
    "frame.c",
    "persistent.c",
    "handle.c",
    "bootstrap.c",
)
HTTP_SOURCES = (  # of a web server
    "http_json.c",
    "http_event.c",
    "http_target.c",
    "http_headers.c",
    "http_request.c",
    "http_link.c",
    "http_response.c",
    "http_body.c",
    "http_answer.c",
    "http_extension.c",
    "http_place.c",
    "http_failure.c",
    "http_server.c",
    "http.c",
)
NODE_SOURCES = ("run-tmpl.js", "run-log.js", "run-program.js", "run-exchange.js", "run-handle.js")
NODE_HTTP_SOURCES = (
    "run-tmpl.js",
    "run-log.js",
    "run-http-event.js",
    "run-http-request.js",
    "run-http-link.js",
    "run-http-answer.js",
    "run-http-server.js",
    "run-http.js",
)
FLAGS = ("-static", "-O2", "-fwhole-program", "-std=c11", "-D_GNU_SOURCE", "-s", "-Wl,--build-id=none")
CROSS = {
    Architecture.X86_64: ("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu libc6-dev-amd64-cross"),
    Architecture.ARM64: ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
}
_objects: dict[str, bytes] = {}  # what was compiled in this run, by command and content of the sources
_alone: dict[str, Lock] = {}  # who needs the same waits for it


@dataclass(frozen=True)
class HttpSettings:
    """How a web server is started and spoken to; docs/web-servers.md says what each means."""

    port: int = 0  # 0: a free one
    socket: str = ""
    arguments: tuple[str, ...] = ()
    ready: str = "listen"  # or a path
    ready_timeout_s: float = READY_LONGEST_S
    base_path: str = ""
    stage: StageInPath = StageInPath.STRIP
    events: str = "/events"
    binary_types: tuple[str, ...] = ()
    error_status: tuple[str, ...] = ()
    shutdown: bool = False


@dataclass(frozen=True)
class ShimSettings:
    """How the executable is driven; shim/README.md says what each means."""

    main: str
    process: Process = Process.PER_EVENT
    input: Input = Input.EVENT
    prestart: bool = True
    response: Response = Response.BUFFERED
    http: HttpSettings | Mapping[str, Any] | None = None  # with process = "http"
    content_type: str = ""  # of a stream
    success: tuple[int, ...] = (0,)  # exit codes that come with an answer
    errors: Mapping[str, str] = field(default_factory=dict)  # exit code → the error's name
    arguments: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash(json.dumps(asdict(self)))

    def __post_init__(self) -> None:
        if not self.main or "/" in self.main or "\0" in self.main:
            raise BuildError(
                f"{self.main!r} is no file name, so no executable can have it.",
                "Correct `executable` of the function in lambda.toml.",
            )
        if self.process == Process.HTTP and not isinstance(self.http, HttpSettings):
            object.__setattr__(self, "http", HttpSettings(**(self.http or {})))


def run_js(sources: Path, settings: ShimSettings) -> str:
    """run.js: its parts in `sources`, joined and filled in."""
    parts = NODE_HTTP_SOURCES if settings.http else NODE_SOURCES
    return filled_in("\n".join((sources / name).read_text() for name in parts), settings)


def filled_in(template: str, settings: ShimSettings) -> str:
    """The template with `$$main$$` and `$$settings$$` filled in, both inside JavaScript string literals."""
    rest = {name: value for name, value in asdict(settings).items() if name != "main"}
    rest |= {"answer_bytes": ANSWER_BYTES, "stream_mb": STREAM_BYTES >> 20, "lib": LIB, "data": DATA}
    return template.replace("$$settings$$", _js_text(json.dumps(rest))).replace("$$main$$", _js_text(settings.main))


def bootstrap(sources: Path, settings: ShimSettings, target: Path, compiler: Sequence[str]) -> None:
    """Compile the bootstrap of `settings` from the C files in `sources` to `target`; ToolError when that fails."""
    command = [*compiler, *FLAGS, *_macros(settings)]
    with replacement(target, PROGRAM_MODE) as temporary, scratch("shim") as folder:
        rest = folder / "rest.o"
        write(rest, _rest(command, sources, sources_of(settings), rest, target))
        name = [f"-DSHIM_MAIN={_c_text(settings.main)}", NAME]
        compile_c([*command, *name, str(rest), "-o", str(temporary.absolute())], sources, target)


def _rest(command: Sequence[str], sources: Path, names: Sequence[str], place: Path, target: Path) -> bytes:
    """All but the program's name as an object file, compiled once a run; made at `place`."""
    content = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources.glob("*.[ch]"))))
    key = f"{command} {content.hexdigest()}"
    with _alone.setdefault(key, Lock()):
        if key not in _objects:
            before = [word for name in names[:-1] for word in ("-include", name)]  # one unit: half the time of ten
            compile_c([*command, *before, names[-1], "-c", "-o", str(place)], sources, target)
            _objects[key] = place.read_bytes()
        return _objects[key]


def sources_of(settings: ShimSettings) -> tuple[str, ...]:
    """The C files of a bootstrap with these settings, in order."""
    return (*SOURCES[:-2], *(HTTP_SOURCES if settings.http else ()), *SOURCES[-2:])


def compilers(architecture: str) -> tuple[str, ...]:
    """The command that compiles static programs for a processor here, musl's first; ToolError for none."""
    cross, packages = CROSS[Architecture(architecture)]
    native = own_architecture() == architecture
    names = ("musl-gcc", "gcc") if native else (cross,)
    packages = "musl-tools" if native else packages
    for name in names:
        if shutil.which(name):
            return (name,)
    raise ToolError(
        f"The bootstrap needs a C compiler for {architecture}, and {' or '.join(names)} is not installed.",
        f"apt-get install {packages}, or choose a Node runtime, which needs no compiler.",
    )


def rts_warning(program: Path) -> str | None:
    """Why `per-event` would be slow with this GHC program, and what cures it; the file is read, never run."""
    content = program.read_bytes()
    if b"rts_thr" not in content or b"-V0" in content:
        return None
    return (
        f"{program.name} is linked with -threaded: driven per event it pays about 10 ms an event, "
        "because GHC's runtime waits for its ticker when it ends.\n"
        "  → Leave -threaded out, or add the GHC option -with-rtsopts=-V0 (2 ms an event in place of 13)."
    )


def _js_text(text: str) -> str:
    """`text` as the inside of a JavaScript string literal in single quotes."""
    return json.dumps(text)[1:-1].replace("'", "\\'")


def _macros(settings: ShimSettings) -> tuple[str, ...]:
    """`settings` for the C preprocessor; each byte of a text as an octal escape, which no text can break."""
    kind = {"": "OCTETS", PRELUDE_TYPE: "PRELUDED"}.get(settings.content_type, "TYPED")
    return (
        *(() if settings.http else (f"-DSHIM_ARGUMENTS={_c_texts(settings.arguments)}",)),
        f"-DSHIM_SUCCESS={','.join(map(str, settings.success))}",
        f"-DSHIM_ERRORS={''.join(f'{{{code},{_c_text(name)}}},' for code, name in settings.errors.items())}",
        f"-DSHIM_CONTENT={kind}",
        f"-DSHIM_CONTENT_TYPE={_c_text(json.dumps(settings.content_type))}",
        f"-DSHIM_PROCESS={settings.process.upper().replace('-', '_')}",
        f"-DSHIM_ENVELOPE={int(settings.input == Input.ENVELOPE)}",
        f"-DSHIM_PRESTART={int(settings.prestart)}",
        f"-DSHIM_STREAM={int(settings.response == Response.STREAM)}",
        f"-DSHIM_ANSWER_BYTES={ANSWER_BYTES}",
        f"-DSHIM_STREAM_MB={STREAM_BYTES >> 20}",
        f"-DSHIM_LIB={_c_text(LIB)}",
        f"-DSHIM_DATA={_c_text(DATA)}",
        *(_http_macros(settings.http) if isinstance(settings.http, HttpSettings) else ()),
    )


def _http_macros(settings: HttpSettings) -> tuple[str, ...]:
    """A web server's settings for the C preprocessor; lists end with a comma, for an end of the sources' own."""
    statuses = "".join(f"{{{first},{last}}}," for first, last in status_ranges(settings.error_status))
    return (
        f"-DSHIM_PORT={settings.port}",
        f"-DSHIM_SOCKET={_c_text(settings.socket)}",
        f"-DSHIM_ARGUMENTS={_c_texts(settings.arguments)}",
        f"-DSHIM_READY={_c_text('' if settings.ready == 'listen' else settings.ready)}",
        f"-DSHIM_READY_MS={round(settings.ready_timeout_s * 1000)}",
        f"-DSHIM_BASE_PATH={_c_text(settings.base_path)}",
        f"-DSHIM_STAGE_KEEP={int(settings.stage == StageInPath.KEEP)}",
        f"-DSHIM_EVENTS={_c_text(settings.events)}",
        f"-DSHIM_BINARY={_c_texts(settings.binary_types)}",
        f"-DSHIM_ERROR_STATUS={statuses}",
        f"-DSHIM_SHUTDOWN={int(settings.shutdown)}",
    )


def _c_text(text: str) -> str:
    """`text` as a C string; each byte as an octal escape, which nothing can break."""
    return '"' + "".join(f"\\{byte:03o}" for byte in text.encode()) + '"'


def _c_texts(texts: Sequence[str]) -> str:
    return "".join(f"{_c_text(text)}," for text in texts)
