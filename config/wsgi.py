"""What gunicorn serves. The environment comes first: Django reads its settings when it is imported below."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
