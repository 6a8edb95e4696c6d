"""Tests: one folder for each part of the system; tools/ holds what writes the generated files."""
