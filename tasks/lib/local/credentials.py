"""What a function in a room gets of the person's own AWS settings: credentials and a Region, by variables.

in   the environment; ~/.aws where it names no keys
out  `variables_to_keep()` → variables

Lambda gives keys, never a profile or a file. Those of a profile are asked for once and renewed by botocore; services
that hand out the machine's own (EC2, ECS) are not asked.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

KEPT = re.compile(r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|REGION|DEFAULT_REGION|ENDPOINT_URL(_\w+)?)")
OF_MACHINES = ("container-role", "iam-role")


def variables_to_keep() -> dict[str, str]:
    """Variables with credentials, Region and endpoints; no credentials where none can be had."""
    found = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    if "AWS_ACCESS_KEY_ID" in found or not _has_files():
        return found
    return _of_profile() | found


def _has_files() -> bool:
    home = Path("~/.aws").expanduser()
    files = [os.environ.get("AWS_CONFIG_FILE", home / "config")]
    files.append(os.environ.get("AWS_SHARED_CREDENTIALS_FILE", home / "credentials"))
    return "AWS_PROFILE" in os.environ or any(Path(path).is_file() for path in files)


@cache
def _session() -> Any:
    from botocore.session import Session

    session = Session()
    for name in OF_MACHINES:
        session.get_component("credential_provider").remove(name)
    return session


def _of_profile() -> dict[str, str]:
    from botocore.exceptions import BotoCoreError

    try:
        session = _session()
        credentials, region = session.get_credentials(), session.get_config_variable("region")
        keys = credentials.get_frozen_credentials() if credentials else None
    except BotoCoreError:  # the function meets no credentials, and says so when it needs some
        return {}
    named = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if keys is not None:
        named |= {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}
        named["AWS_SESSION_TOKEN"] = keys.token
    return {name: value for name, value in named.items() if value}
