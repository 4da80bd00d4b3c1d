"""The bytes of a tree of files: this machine, a folder, a tar archive. It knows no ELF."""
