"""HTML routes, grouped by noun. Every address below `p/` passes a gate in `access`."""

from django.urls import URLPattern, URLResolver, include, path

from annotator.views import (
    account,
    adjudication,
    agreement,
    annotate,
    checkpoints,
    checks,
    datasets,
    entrance,
    flags,
    gold,
    imports,
    leaderboard,
    numbers,
    projects,
    prompts,
    protocols,
    queue,
    rounds,
    runs,
    sittings,
    snapshots,
    tokens,
    webhooks,
)

judge = [
    path("<int:assignment_id>/", annotate.assignment, name="assignment"),  # looked for most, so it is found first
    path("", annotate.judge, name="judge"),
    path("next/", annotate.following, name="judge-next"),
    path("alive/", annotate.alive, name="judge-alive"),
    path("keys/", annotate.keys, name="judge-keys"),
    path("mine/", annotate.mine, name="judge-mine"),
    path("content/", entrance.content, name="judge-content"),
    path("guidelines/<int:version>/read/", entrance.guideline, name="judge-guideline"),
    path("around/", entrance.around, name="judge-around"),
    path("practice/", sittings.practice, name="practice"),
    path("exam/", sittings.exam, name="exam"),
    path("sittings/<int:sitting_id>/", sittings.sitting, name="sitting"),
    path("<int:assignment_id>/skip/", annotate.skip, name="assignment-skip"),
]

members = [
    path("", projects.members, name="members"),
    path("<int:member_id>/groups/", projects.member_groups, name="member-groups"),
    path("<int:member_id>/role/", projects.member_role, name="member-role"),
    path("<int:member_id>/attempt/", projects.member_attempt, name="member-attempt"),
    path("<int:member_id>/remove/", projects.member_remove, name="member-remove"),
]

hidden_checks = [
    path("", checks.index, name="checks"),
    path("pausing/", checks.pausing, name="checks-pausing"),
    path("<int:member_id>/resume/", checks.resume, name="check-resume"),
    path("<int:member_id>/exclude/", checks.exclude, name="check-exclude"),
    path("<int:member_id>/include/", checks.include, name="check-include"),
]

one_round = [
    path("", rounds.detail, name="round"),
    path("status/", rounds.status, name="round-status"),
    path("launch/", rounds.launch, name="round-launch"),
    path("abandon/", rounds.abandon, name="round-abandon"),
    path("retry/", rounds.retry, name="round-retry"),
    path("leases/<int:assignment_id>/release/", rounds.release, name="lease-release"),
]

one_run = [
    path("", runs.detail, name="run"),
    path("status/", runs.status, name="run-status"),
    path("cancel/", runs.cancel, name="run-cancel"),
    path("charts/<slug:code>.<slug:theme>.svg", runs.chart, name="run-chart"),
]

one_checkpoint = [
    path("", checkpoints.detail, name="checkpoint"),
    path("promote/", checkpoints.promote, name="checkpoint-promote"),
    path("retire/", checkpoints.retire, name="checkpoint-retire"),
    path("card/", checkpoints.card, name="checkpoint-card"),
    path("download/", checkpoints.download, name="checkpoint-download"),
    path("push/", checkpoints.push, name="checkpoint-push"),
    path("merged/", checkpoints.merged, name="checkpoint-merged"),
    path("merged/download/", checkpoints.merged_download, name="checkpoint-merged-download"),
    path("merged/remove/", checkpoints.merged_remove, name="checkpoint-merged-remove"),
]

numbers_of = [
    path("", numbers.index, name="numbers"),
    path("raters/", numbers.raters, name="numbers-raters"),
    path("hours.csv", numbers.hours, name="numbers-hours"),
    path("leases/<int:user_id>/release/", numbers.release, name="numbers-release"),
    path("charts/<slug:code>.<slug:theme>.svg", numbers.chart, name="numbers-chart"),
]

one_webhook = [
    path("", webhooks.detail, name="webhook"),
    path("secret/", webhooks.secret, name="webhook-secret"),
    path("test/", webhooks.test, name="webhook-test"),
    path("stop/", webhooks.stop, name="webhook-stop"),
    path("go-on/", webhooks.go_on, name="webhook-go-on"),
    path("remove/", webhooks.remove, name="webhook-remove"),
    path("deliveries/<int:delivery_id>/again/", webhooks.again, name="webhook-again"),
]

one_import = [
    path("", imports.detail, name="import"),
    path("status/", imports.status, name="import-status"),
    path("read-as/", imports.read_as, name="import-read-as"),
    path("start/", imports.start, name="import-start"),
    path("stop/", imports.stop, name="import-stop"),
    path("errors.jsonl", imports.errors, name="import-errors"),
]

one_dataset = [
    path("", datasets.detail, name="dataset"),
    path("status/", datasets.status, name="dataset-status"),
    path("stop/", datasets.stop, name="dataset-stop"),
    path("start/", datasets.start, name="dataset-start"),
    path("send/", datasets.send, name="dataset-send"),
    path("difference/", datasets.difference, name="dataset-difference"),
    path("download/", datasets.download, name="dataset-download"),
    path("files/<str:name>", datasets.file, name="dataset-file"),
]

project: list[URLPattern | URLResolver] = [
    path("judge/", include(judge)),
    path("", projects.detail, name="project"),
    path("settings/", projects.settings, name="project-settings"),
    path("members/", include(members)),
    path("invitations/", projects.invitation_create, name="invitation-create"),
    path("guidelines/", projects.guidelines, name="guidelines"),
    path("protocol/", protocols.protocol, name="protocol"),
    path("gold/", gold.index, name="gold"),
    path("gold/<int:gold_id>/retire/", gold.retire, name="gold-retire"),
    path("checks/", include(hidden_checks)),
    path("flags/", flags.index, name="flags"),
    path("flags/<int:comparison_id>/put-back/", flags.put_back, name="flag-put-back"),
    path("flags/<int:comparison_id>/set-aside/", flags.set_aside, name="flag-set-aside"),
    path("agreement/", agreement.detail, name="agreement"),
    path("queue/", queue.index, name="queue"),
    path("queue/wanted/", queue.wanted, name="queue-wanted"),
    path("queue/first/", queue.first, name="queue-first"),
    path("adjudication/", adjudication.index, name="adjudication"),
    path("adjudication/<int:comparison_id>/", adjudication.comparison, name="adjudicate"),
    path("adjudication/<int:comparison_id>/note/", adjudication.note, name="adjudicate-note"),
    path("prompts/", prompts.index, name="prompts"),
    path("prompts/add/", prompts.add, name="prompts-add"),
    path("prompts/<int:prompt_id>/", prompts.detail, name="prompt"),
    path("imports/", imports.index, name="imports"),
    path("imports/<int:import_id>/", include(one_import)),
    path("rounds/", rounds.index, name="rounds"),
    path("rounds/prepare/", rounds.prepare, name="round-prepare"),
    path("rounds/<int:number>/", include(one_round)),
    path("runs/", runs.index, name="runs"),
    path("runs/<int:run_id>/", include(one_run)),
    path("numbers/", include(numbers_of)),
    path("leaderboard/", leaderboard.index, name="leaderboard"),
    path("leaderboard/chart.<slug:theme>.svg", leaderboard.chart, name="leaderboard-chart"),
    path("checkpoints/", checkpoints.index, name="checkpoints"),
    path("checkpoints/<int:checkpoint_id>/", include(one_checkpoint)),
    path("snapshots/", snapshots.index, name="snapshots"),
    path("snapshots/<int:version>/", snapshots.detail, name="snapshot"),
    path("snapshots/<int:version>/download/", snapshots.download, name="snapshot-download"),
    path("datasets/", datasets.index, name="datasets"),
    path("datasets/new/", datasets.create, name="dataset-create"),
    path("datasets/<int:version>/", include(one_dataset)),
    path("webhooks/", webhooks.index, name="webhooks"),
    path("webhooks/<int:webhook_id>/", include(one_webhook)),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("p/<slug:slug>/", include(project)),
    path("", account.home, name="home"),
    path("login/", account.Login.as_view(), name="login"),
    path("logout/", account.Logout.as_view(), name="logout"),
    path("language/", account.language, name="language"),
    path("password/", account.PasswordChange.as_view(), name="password"),
    path("tokens/", tokens.index, name="tokens"),
    path("tokens/<int:token_id>/revoke/", tokens.revoke, name="token-revoke"),
    path("invitations/<str:token>/", account.invitation, name="invitation"),
    path("projects/new/", projects.create, name="project-create"),
]
