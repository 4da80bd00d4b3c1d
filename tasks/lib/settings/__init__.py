"""lambda.toml: its keys (model.py), what their values may be (rules.py), and the reading of it (load.py)."""
