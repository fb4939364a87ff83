"""Where Django looks for an app's configuration: add ``'aws_satella'`` to ``INSTALLED_APPS`` to have it checked."""

from aws_satella.effects.django import AWSSatellaConfig

__all__ = ['AWSSatellaConfig']
