"""AWS's own client of the Runtime API, in each of its layouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib.local import function as unpacked


@pytest.mark.parametrize("layout", unpacked.CLIENT_LAYOUTS)
def test_awss_client_is_found_in_each_of_its_layouts(layout: tuple[str, str], tmp_path: Path) -> None:
    script, compiled = (tmp_path / part for part in layout)
    for part in (script, compiled):
        assert unpacked.node_client(tmp_path) is None, "half of it is none"
        part.parent.mkdir(exist_ok=True)
        part.touch()
    assert unpacked.node_client(tmp_path) == script
