"""Prices of the past, and what follows from them."""
