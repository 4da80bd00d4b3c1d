"""One order of the tasks, the same in every run.

doit keeps the tasks that wait for another one in a set of objects, and walks it as their addresses fall: what became
ready together was begun, and shown, in another order in every run. So each of its nodes gets a collection that keeps
the order in which they came, which is that of dodo.py. The other source of chance, implicit task_dep out of the set of
file_dep, is closed in task.py, where each task names its task_dep.
"""

from __future__ import annotations

from typing import Any

from doit.control import ExecNode


class Waiting(dict[Any, None]):
    """What doit does with its set, and in order."""

    def add(self, node: ExecNode) -> None:
        """Put a node last, if it is not there yet."""
        self[node] = None


def _begin(node: ExecNode, task: Any, parent: ExecNode | None) -> None:
    _doits_begin(node, task, parent)
    node.waiting_me = Waiting()


_doits_begin = ExecNode.__init__
ExecNode.__init__ = _begin
