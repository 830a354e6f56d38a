"""Every project gets the protocol that its preset meant. Judgments from before keep none: they stay as they are."""

from django.db import migrations

ALLOWED = {"five_point": ["tie", "both_bad"], "forced_choice": []}


def publish(apps, _editor):
    Protocol = apps.get_model("annotator", "Protocol")
    for project in apps.get_model("annotator", "Project").objects.filter(protocols=None):
        Protocol.objects.create(project=project, version=1, preset=project.preset, outcomes=ALLOWED[project.preset])


def put_back(apps, _editor):
    """The newest protocol's scale, where the earlier version knows it."""
    for project in apps.get_model("annotator", "Project").objects.all():
        newest = project.protocols.order_by("-version").first()
        if newest is not None and newest.preset in ALLOWED:
            project.preset = newest.preset
            project.save(update_fields=["preset"])


class Migration(migrations.Migration):
    dependencies = [("annotator", "0003_protocol")]

    operations = [migrations.RunPython(publish, put_back)]
