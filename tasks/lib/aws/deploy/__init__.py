"""Functions on AWS: what is desired, what is there, the plan between them, and its steps."""
