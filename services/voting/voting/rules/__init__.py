"""The rules of polls: pure decisions, without I/O, clock or chance."""
