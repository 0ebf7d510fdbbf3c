"""`ivr bench`: what a call costs here, beside the same call in a hand-written dialplan on the same Asterisk."""
