"""What the keys of an image say against those of a zip.

in   a function of lambda.toml, each of its values good by itself; the table [deploy]
out  `contradictions`, `of_deploy`: (dotted key, sentence) pairs
"""

from __future__ import annotations

from collections.abc import Iterator

from .model import Deploy, Function
from .rules import Fault

OF_ZIPS = ("SnapStart", "CodeSigningConfigArn")
A_ZIP = 'is for zips; take it out, or set package = "zip"'


def contradictions(function: Function, where: str) -> Iterator[Fault]:
    """What only a zip may have beside `package = "image"`, and the other way round."""
    raw = function.aws or {}
    if not function.is_image:
        if function.image_base:
            yield f"{where}.image_base", 'is what an image stands on, and needs package = "image"'
        if "ImageConfig" in raw:
            yield f"{where}.aws.ImageConfig", 'is about images, and needs package = "image"'
        return
    for name in ("layers", "layer_zips"):
        if getattr(function, name):
            yield f"{where}.{name}", 'are for zips; ship their files with include, or set package = "zip"'
    for name in OF_ZIPS:
        if name in raw:
            yield f"{where}.aws.{name}", A_ZIP
    if function.on_node and function.image_base == "scratch":
        yield f"{where}.image_base", f'has no Node for runtime = "{function.runtime}"; leave it out'


def of_deploy(functions: tuple[Function, ...], deploy: Deploy, where: str) -> Iterator[Fault]:
    """A bucket for zips where there is no zip."""
    if deploy.s3_bucket is not None and functions and all(function.is_image for function in functions):
        yield where, "is for zips, and every function is an image; take it out"
