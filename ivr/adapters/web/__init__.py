"""HTTP on loopback: health of the controller, for the supervisor, `ivr status` and load balancers."""
