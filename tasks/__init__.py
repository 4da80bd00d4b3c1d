"""The tasks of the graph, one module a task; `dodo.py` is their map."""
