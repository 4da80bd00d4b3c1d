"""Functions on this machine, under Lambda's own emulator. Begin with emulator.py."""
