"""One ELF file, read as the dynamic loader reads it; nothing of it is ever run. Begin with read.py."""
