"""A wrapper for ASGI applications: ``app = Exporter(app, 'Shop')``."""

from aws_satella.effects.asgi import Exporter

__all__ = ['Exporter']
