"""A room shaped like Lambda: a program runs in it once, and what it asked for is recorded. Begin with room.py."""
