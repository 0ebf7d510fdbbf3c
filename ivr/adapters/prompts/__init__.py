"""Prompts: text by key and language, rendered to telephony audio and kept in a folder that Asterisk plays from."""
