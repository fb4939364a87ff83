"""A wrapper for WSGI applications: ``app = Exporter(app, 'Shop')``."""

from aws_satella.effects.wsgi import Exporter

__all__ = ['Exporter']
