"""A command that counts what it does."""

from typing import Any

from django.core.management.base import BaseCommand
from satella.instrumentation.metrics import getMetric


class Command(BaseCommand):
    """Restock the shop."""

    def handle(self, **options: Any) -> None:
        """Count three items."""
        getMetric('shop.hits', 'counter').runtime(3)
        self.stdout.write('restocked')
