"""`ivr fuzz`: nonsense at every input, seeded and repeatable; each kind of case has invariants, not only "no crash"."""
