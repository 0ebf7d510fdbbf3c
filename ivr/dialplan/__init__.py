"""YAML to compiled flow graph, every error with file, line and column."""
