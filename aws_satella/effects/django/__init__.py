"""The Django side: a middleware that starts the exporter, and checks of its setting. The only importers of Django."""
