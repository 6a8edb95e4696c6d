"""Pages and results as text and JSON."""
