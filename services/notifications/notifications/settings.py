"""Notifications needs no knobs beyond those of every service."""

from chassis.settings import Settings

__all__ = ["Settings"]
