"""What the stages cost: `python -m bench` (or `make bench`) measures it and fails when a limit is broken."""
