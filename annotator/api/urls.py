"""Routes of the JSON API, grouped by noun."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from annotator.api import views

urlpatterns = [
    path("schema/", login_not_required(SpectacularJSONAPIView.as_view()), name="api-schema"),
    path("projects/", views.ProjectListApi.as_view(), name="api-projects"),
    path("projects/<slug:slug>/rounds/", views.RoundListApi.as_view(), name="api-rounds"),
    path("projects/<slug:slug>/rounds/<int:number>/launch/", views.RoundLaunchApi.as_view(), name="api-round-launch"),
    path("projects/<slug:slug>/runs/<int:run_id>/", views.RunDetailApi.as_view(), name="api-run"),
    path("projects/<slug:slug>/runs/<int:run_id>/cancel/", views.RunCancelApi.as_view(), name="api-run-cancel"),
    path("projects/<slug:slug>/checkpoints/", views.CheckpointListApi.as_view(), name="api-checkpoints"),
]
