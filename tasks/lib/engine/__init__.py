"""A container engine as the machine that builds. Begin with machine.py."""
