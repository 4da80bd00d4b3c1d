"""Would it start? Any executable, any zip, for people and for scripts."""
