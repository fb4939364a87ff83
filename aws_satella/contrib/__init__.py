"""Integrations with frameworks, at their documented import paths."""
