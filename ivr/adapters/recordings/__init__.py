"""Recordings at rest: sealed once complete, opened for who gave a reason, destroyed when their time is over."""
