"""A finished lambda.zip as the deploy sees it.

in   lambda.zip and lambda.sha256
out  `package(...)` → Package
"""

from __future__ import annotations

from pathlib import Path

from ...package import zip as archive
from .desired import Package


def package(path: Path, sha256: Path) -> Package:
    """Read what is known of the zip; its members are read once, for the digest of their content."""
    members = archive.members_of(path)
    return Package(
        zip=path,
        code_sha256=sha256.read_text().strip(),
        digest=archive.content_digest(members),
        unzipped_bytes=sum(len(member.content()) for member in members.values()),
        libraries=tuple(sorted(name.removeprefix("lib/") for name in members if name.startswith("lib/"))),
        built=path.stat().st_mtime,
    )
