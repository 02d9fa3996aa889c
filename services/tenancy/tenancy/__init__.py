"""Governments: which there are, where they are reached, which languages and colour they present themselves in."""
