"""Mails to people who asked for them, from the other services' events."""
