"""One ELF file, read as the dynamic linker reads it; nothing of it is ever run. Begin with file.py."""
