"""The site as an app: plain, and with an exporter in every process that loads Django."""

from django.apps import AppConfig
from django.conf import settings
from satella.instrumentation.metrics import getMetric

from aws_satella import start_if_not_started


class ShopConfig(AppConfig):
    """As it usually is: the middleware starts the exporter."""

    name = 'shop'
    default = True


class EagerShopConfig(AppConfig):
    """With the exporter started as soon as Django is loaded."""

    name = 'shop'

    def ready(self) -> None:
        """Start it, where it is not turned off, and count that the site was loaded."""
        if settings.AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR is not None:
            start_if_not_started(**settings.AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR)
        getMetric('shop.loads', 'counter').runtime(1)
