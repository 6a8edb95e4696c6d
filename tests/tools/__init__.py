"""Generators of the files that are checked in, and the rules of tests/test_tidy.py."""
