"""The zip: its members (members.py), how it is written (zip.py) and read (unzip.py)."""
