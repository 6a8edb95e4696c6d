"""Downloading bars from Alpaca into files that the paper broker reads."""
