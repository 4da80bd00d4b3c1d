"""The dynamic linker's search, without it: which file satisfies each DT_NEEDED. Begin with closure.py."""
