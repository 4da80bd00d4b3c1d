"""Files that programs look for outside a package, and the variable that leads them to a copy below /var/task.

in   a path such as /usr/share/zoneinfo/Europe/Berlin
out  `kind(path)` → what it is; `variables(path)` → name → value, none where no convention is known
"""

from __future__ import annotations

import re

from .layout import TASK

KINDS = (
    (
        re.compile(r"/etc/(ssl|pki)|/usr/lib/ssl|ca-(bundle|certificates)|/cacerts|/certs?(/|$)|cert\.pem"),
        "certificates",
    ),
    (re.compile(r"zoneinfo"), "time zones"),
    (re.compile(r"/gconv"), "text encodings"),
    (re.compile(r"/usr/lib/locale/"), "locales"),
    (re.compile(r"terminfo"), "terminals"),
    (re.compile(r"font"), "fonts"),
)
FOLDERS = {
    "time zones": ("zoneinfo", "TZDIR"),
    "terminals": ("terminfo", "TERMINFO_DIRS"),
    "locales": ("locale", "LOCPATH"),
}
CERTIFICATES = re.compile(r"\.(crt|pem)$")


def kind(path: str) -> str:
    """The first kind that fits; "data" for everything else."""
    return next((what for pattern, what in KINDS if pattern.search(path)), "data")


def variables(path: str) -> dict[str, str]:
    """What glibc, ncurses, OpenSSL and Haskell's x509-system read, for a copy at the same path below /var/task."""
    what = kind(path)
    if what == "certificates":
        openssl = "SSL_CERT_FILE" if CERTIFICATES.search(path) else "SSL_CERT_DIR"
        return {openssl: TASK + path, "SYSTEM_CERTIFICATE_PATH": TASK + path}
    folder, name = FOLDERS.get(what, ("", ""))
    before, found, _ = path.partition(f"/{folder}/")
    return {name: f"{TASK}{before}/{folder}"} if name and found else {}


def setting(path: str) -> str:
    """The line of lambda.toml for that; empty where no variable is known."""
    pairs = ", ".join(f'{name} = "{value}"' for name, value in variables(path).items())
    return f"environment = {{ {pairs} }}" if pairs else ""
