"""The dynamic loader's search, without it: which file satisfies each DT_NEEDED. Begin with walk.py."""
