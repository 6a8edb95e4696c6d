"""Rules: pure functions of frozen rows, a snapshot of the broker, limits and `now`. No I/O, clock or chance."""
