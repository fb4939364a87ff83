"""The Django middleware: add ``'aws_satella.contrib.django.AWSSatellaMiddleware'`` to ``MIDDLEWARE``."""

from aws_satella.effects.django.middleware import AWSSatellaMiddleware

__all__ = ['AWSSatellaMiddleware']
