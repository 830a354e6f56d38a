"""HTML that was made once."""

from __future__ import annotations

from django.db import models


class Rendering(models.Model):
    """A text as sanitised HTML, by the text's hash. Made by one version of the renderer, replaced by the next one's."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    version = models.PositiveSmallIntegerField()
    html = models.TextField()

    def __str__(self) -> str:
        return f"{self.sha256[:12]} (v{self.version})"
