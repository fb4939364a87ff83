"""A site whose Flask application is wrapped, and what some tests want it to do when it is loaded."""

from __future__ import annotations

from flask import Flask

import aws_satella
from aws_satella.contrib.wsgi import Exporter
from programs.served import SHOP, answer, hits, start

app = Flask(__name__)
app.get('/')(answer)
app.wsgi_app = Exporter(app.wsgi_app, **SHOP)  # type: ignore[method-assign]  # as Flask wants it


def counting_parent() -> Flask:
    """The site, whose parent counts the series of the workers, too, and exports."""
    hits.runtime(100, where='page')  # what they inherit could be counted again
    start()
    return app


def both_forms() -> Flask:
    """The site with a second exporter, of the classic form."""
    aws_satella.AWSSatellaExporterThread(**{**SHOP, 'destination': 'cloudwatch'}).start()
    return app
