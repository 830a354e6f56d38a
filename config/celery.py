"""The Celery app and its clock.

A message is a doorbell: it says that a row may need work, and the row says what the work is. So messages are
acknowledged on arrival (a lost one is rung again by `tick`), carry ids only, and are never retried by Celery.
Each call names its queue (`default`, `generate` or `train`); a misspelt queue is refused where it is called.
"""

import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Celery warns root about pickled messages; ours are JSON, and nothing else is accepted.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("tiebreak")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# `expires`: a worker that was away must not find a pile of old ticks; one fresh tick sees everything.
app.conf.beat_schedule = {
    "tick": {
        "task": "annotator.tasks.tick",
        "schedule": 3.0,
        "options": {"queue": "default", "expires": 3.0},
    },
    "score": {
        "task": "annotator.tasks.score",
        "schedule": 60.0,
        "options": {"queue": "default", "expires": 60.0},
    },
    "deliver": {
        "task": "annotator.tasks.deliver",
        "schedule": 3.0,
        "options": {"queue": "default", "expires": 3.0},
    },
    "check": {
        "task": "annotator.tasks.check",
        "schedule": 3.0,
        "options": {"queue": "default", "expires": 3.0},
    },
    "count": {
        "task": "annotator.tasks.count",
        "schedule": 5.0,
        "options": {"queue": "default", "expires": 5.0},
    },
    "sweep": {
        "task": "annotator.tasks.sweep",
        "schedule": 30.0,
        "options": {"queue": "default", "expires": 30.0},
    },
}
