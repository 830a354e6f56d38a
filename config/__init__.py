"""Wiring only: settings, routes, the Celery app, and the doors for web servers."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
