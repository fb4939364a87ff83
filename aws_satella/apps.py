"""Where Django looks for the configuration of an app: ``'aws_satella'`` in ``INSTALLED_APPS`` turns the checks on."""

from aws_satella.effects.django.checks import AWSSatellaConfig

__all__ = ['AWSSatellaConfig']
