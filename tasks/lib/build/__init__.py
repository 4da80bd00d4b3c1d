"""Sources become an executable, on whatever machine. Begin with machine.py, then haskell.py."""
