"""The libraries that travel: which are needed, how a C library is bundled, how one is linked in."""
