"""Lambda's facts, each once, as data with a date. Begin with runtimes.py."""
