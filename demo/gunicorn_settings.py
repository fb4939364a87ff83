"""gunicorn's settings. Address and number of workers are on the command line, the rest in the environment."""

wsgi_app = 'django.core.wsgi:get_wsgi_application()'
preload_app = True  # the metrics exist before the fork, the exporters must not
graceful_timeout = 5
loglevel = 'warning'
control_socket_disable = True  # its path is one for all gunicorns of a user, and this one needs none
