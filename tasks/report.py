"""What travels, as a page to look at.

in   needed-libs.json and lambda.zip of every function
out  build/report.html: the tasks, sizes, the graph of libraries, tiers, floors and verdicts; one file, no network
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .graph.stage import Stage
from .graph.task import task
from .picture import drawn
from .products import REPORT, Products

if TYPE_CHECKING:
    from .lib.settings.load import Project


def define(project: Project) -> Stage:
    """One page for all functions."""
    made = {function.name: Products(function) for function in project.built_functions}

    def draw() -> str:
        from .lib.report import page

        page.write(
            REPORT,
            {name: products.folder for name, products in made.items()},
            {name: products.last_change for name, products in made.items()},
            drawn(project, with_ages=False),
        )
        return f"open {REPORT} in a browser"

    def will_not_start(products: Products) -> bool:
        """Known not to start: there will be no zip, and the page is to say why."""
        try:
            return not json.loads(products.needed_libs.read_bytes())["starts"]
        except (OSError, ValueError, KeyError):
            return False

    zips = {name: products.zip for name, products in made.items() if not will_not_start(products)}
    inputs = [*(products.needed_libs for products in made.values()), *zips.values()]
    return task(
        name="report",
        doc="what is in each zip, as a page to look at: build/report.html",
        recipe=__name__,
        task_dep=[*(f"needed-libs:{name}" for name in made), *(f"zip:{name}" for name in zips)],
        file_dep=[*inputs],
        targets=[REPORT],
        reads={"functions": list(made)},
        watches=lambda: [path for item in made.values() for path in (item.deployed_hash, item.last_change)],
        action=draw,
    )
