"""The settings; what differs from test to test is in the environment."""

import json
import os

SECRET_KEY = 'of the tests'
ALLOWED_HOSTS = ['*']
DEBUG = 'SHOP_DEBUG' in os.environ
ROOT_URLCONF = 'shop.urls'
WSGI_APPLICATION = 'shop.wsgi.application'
USE_TZ = True
STATIC_URL = '/static/'  # what Django's live test server asks for
MEDIA_URL = '/media/'
DATABASES: dict[str, object] = {}
INSTALLED_APPS = os.environ.get('SHOP_APPS', 'shop').split()

METRICS = 'django_satella_metrics.DjangoSatellaMetricsMiddleware'
EXPORT = 'aws_satella.contrib.django.AWSSatellaMiddleware'
MIDDLEWARE = os.environ.get('SHOP_MIDDLEWARE', f'{METRICS} {EXPORT}').split()

# The interval is longer than any test: what is recorded after the first cycle arrives with the end or not at all.
DEFAULT = {'namespace': 'Shop', 'temporality': 'delta', 'interval': 3600, 'add_pid': 'pid', 'exit_timeout': 10}
if 'SHOP_CONSTRUCTOR' not in os.environ:
    AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR = DEFAULT
elif os.environ['SHOP_CONSTRUCTOR'] != 'missing':
    AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR = json.loads(os.environ['SHOP_CONSTRUCTOR'])
if 'SHOP_CONSTUCTOR' in os.environ:
    AWS_SATELLA_MIDDLEWARE_CONSTUCTOR = DEFAULT

LOGGING = {
    'version': 1,
    'disable_existing_loggers': False,
    'formatters': {'plain': {'format': 'LOG %(name)s %(levelname)s %(message)s'}},
    'handlers': {'console': {'class': 'logging.StreamHandler', 'formatter': 'plain'}},
    'loggers': {
        'aws_satella': {'handlers': ['console'], 'level': 'INFO'},
        'django.request': {'handlers': ['console'], 'level': 'DEBUG', 'propagate': False},
    },
}
