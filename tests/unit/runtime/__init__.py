"""Tests of ivr.adapters.runtime, ivr.settings and ivr.log."""
