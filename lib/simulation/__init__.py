"""Worlds: clock, paper broker, store and crontab in one process, in simulated time."""
