"""The seam with doit: the only folder that imports it. Begin with task.py."""
