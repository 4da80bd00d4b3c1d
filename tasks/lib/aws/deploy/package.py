"""A finished lambda.zip or image as the deploy sees it.

in   lambda.zip and lambda.sha256; image.tar and image.json, and what the last deploy left
out  `package(...)`, `image_package(...)` → Package
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ...package import oci
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


def image_package(
    zipped: Package, tar: Path, manifest: Path, deployed: Path, base: Callable[[oci.Image], Path]
) -> Package:
    """The image of a zip's files; `deployed` is the record of the last deploy, `base` gives what an image stands on."""
    image = oci.Image(**json.loads(manifest.read_bytes()))
    known = ""
    with suppress(OSError, ValueError, AttributeError):
        record = json.loads(deployed.read_bytes())
        known = record["code_sha256"] if record.get("image") == image.id else ""
    made = replace(zipped, zip=tar, code_sha256=known, digest=image.id, built=tar.stat().st_mtime, image=image)
    return replace(made, base=lambda: base(image)) if image.base_id else made
