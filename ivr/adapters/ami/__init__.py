"""Asterisk's manager interface: its state and events in, actions out."""
