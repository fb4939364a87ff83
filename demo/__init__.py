"""A loaded Django site whose metrics arrive in an embedded CloudWatch: `make demo`, or `python -m demo --help`.

Nothing is mocked between a metric and the wire: gunicorn serves a real site from two preloaded workers, real HTTP
requests go through the real django-satella-metrics, and boto3 sends what it counted to moto's CloudWatch server on
loopback. Then the demo asks that CloudWatch, with boto3 again, what has arrived.

    story.py    what happens, in order
    cloud.py    the embedded CloudWatch, and what can be read from it
    series.py   what was read, as values
    report.py   the tables made of it
    site.py     the Django site: settings, views, URLs
    server.py   gunicorn, which serves it, as a child process (gunicorn_settings.py)
    traffic.py  its visitors
"""

NAMESPACE = 'Demo/Shop'
