"""Every route enters here: health, the operator's admin, the JSON API, and the pages."""

from django.contrib import admin
from django.urls import include, path, re_path

from annotator.api.missing import MissingApi
from annotator.views import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("annotator.api.urls")),
    re_path("^api/", MissingApi.as_view()),
    path("", include("annotator.urls")),
]

handler400 = "annotator.api.errors.bad_request"
handler500 = "annotator.api.errors.server_error"
