"""Notifications needs no knobs beyond those of every service."""

from chassis.settings import ServiceSettings as Settings

__all__ = ["Settings"]
