"""What is not there, said in JSON."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotator.exceptions import NotFound


@extend_schema(exclude=True)
class MissingApi(APIView):
    """Every address below /api/ that is none of ours."""

    authentication_classes = ()
    permission_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound(_("There is no such address in the API. Addresses end with a slash; /api/v1/ lists them all."))

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise NotImplementedError
