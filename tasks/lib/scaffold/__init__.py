"""The first five minutes: a new program, or a repository that has programs already."""
