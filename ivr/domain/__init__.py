"""What a call centre is, without I/O: standard library only, no async."""
