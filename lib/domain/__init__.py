"""Nouns of the trade: frozen records, states as data, actions, exact money. Standard library only."""
