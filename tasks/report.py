"""What travels, as a page to look at.

in   needed-libs.json and lambda.zip of every function
out  build/report.html: sizes, the graph of libraries, tiers, floors and verdicts; one file, no network
"""

from __future__ import annotations

import json
from typing import Any

from . import products as paths
from .graph import task as adapter
from .lib.settings.load import Project

CODE = ("report.py", "lib/report.py", "lib/report_graph.py", "lib/data")


def define(project: Project) -> dict[str, Any]:
    """One page for all functions."""
    made = {function.name: paths.Products(function) for function in project.functions}

    def draw() -> str:
        from .lib.report import page

        page.write(paths.REPORT, {name: products.folder for name, products in made.items()})
        return f"open {paths.REPORT} in a browser"

    def doomed(products: paths.Products) -> bool:
        """Known not to start: there will be no zip, and the page is to say why."""
        try:
            return not json.loads(products.needed_libs.read_bytes())["starts"]
        except (OSError, ValueError, KeyError):
            return False

    zips = [products.zip for products in made.values() if not doomed(products)]
    inputs = [*(products.needed_libs for products in made.values()), *zips]
    return adapter.task(
        doc="what is in each zip, as a page to look at: build/report.html",
        file_dep=[*inputs, *adapter.recipe(*CODE)],
        targets=[paths.REPORT],
        reads={"functions": list(made)},
        action=draw,
    )
