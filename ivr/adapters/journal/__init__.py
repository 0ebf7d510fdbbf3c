"""Asterisk's journal (CEL as CSV lines) as events."""
