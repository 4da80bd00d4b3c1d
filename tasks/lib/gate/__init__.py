"""The start-gate: would this package start on its runtime, and if not, who needs what? Begin with gate.py."""
