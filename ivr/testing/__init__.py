"""Fakes that ship: for our tests, for the simulator and for authors of dialplans."""
