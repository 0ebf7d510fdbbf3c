"""FastAGI: the wire (`codec`), the listener (`server`) and a caller's or agent's channel (`line`)."""
