"""Rows as frozen pages: what a command shows, before anybody has said how."""
