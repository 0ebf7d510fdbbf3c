"""Nonsense through a running system (SIP, keys, HTTP, FastAGI, AMI), and the look at it afterwards."""
