"""Every route enters here: health, the operator's admin, the JSON API, and the pages."""

from django.contrib import admin
from django.urls import include, path

from annotator.views import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("annotator.api.urls")),
    path("", include("annotator.urls")),
]
