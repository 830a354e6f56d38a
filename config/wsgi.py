"""What gunicorn serves. The environment comes first: Django reads its settings when it is imported below."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Web threads share a pool of connections; Celery workers and commands keep one per thread (see settings).
os.environ.setdefault("TIEBREAK_DATABASE_POOL", "8")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
