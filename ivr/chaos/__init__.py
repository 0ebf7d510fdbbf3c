"""The kill test: callers who call all the time, parts that are killed meanwhile, and what became of every call."""
