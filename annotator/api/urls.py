"""Routes of the JSON API, grouped by noun. Every address below `projects/` passes a gate in `access`."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from annotator.api import (
    adjudication,
    agreement,
    checkpoints,
    checks,
    comparisons,
    datasets,
    flags,
    gold,
    guidelines,
    imports,
    index,
    judging,
    leaderboard,
    members,
    numbers,
    projects,
    prompts,
    protocols,
    queue,
    rounds,
    runs,
    sittings,
    snapshots,
    webhooks,
)
from annotator.api.missing import MissingApi

judge = [
    path("", judging.EntranceApi.as_view(), name="api-entrance"),
    path("content/", judging.EntranceContentApi.as_view(), name="api-entrance-content"),
    path("guidelines/<int:version>/read/", judging.GuidelineAcknowledgeApi.as_view(), name="api-guideline-read"),
    path("practice/", sittings.PracticeApi.as_view(), name="api-practice"),
    path("exam/", sittings.ExamApi.as_view(), name="api-exam"),
    path("sittings/<int:sitting_id>/", sittings.SittingApi.as_view(), name="api-sitting"),
    path("sittings/<int:sitting_id>/answer/", sittings.SittingAnswerApi.as_view(), name="api-sitting-answer"),
    path("next/", judging.JudgeNextApi.as_view(), name="api-judge-next"),
    path("alive/", judging.JudgeAliveApi.as_view(), name="api-judge-alive"),
    path("judgments/", judging.JudgmentMineListApi.as_view(), name="api-judgments-mine"),
    path("assignments/<int:assignment_id>/", judging.AssignmentApi.as_view(), name="api-assignment"),
    path("assignments/<int:assignment_id>/judge/", judging.AssignmentJudgeApi.as_view(), name="api-assignment-judge"),
    path("assignments/<int:assignment_id>/skip/", judging.AssignmentSkipApi.as_view(), name="api-assignment-skip"),
]

one_member = [
    path("", members.MemberApi.as_view(), name="api-member"),
    path("attempt/", members.MemberAttemptApi.as_view(), name="api-member-attempt"),
    path("resume/", members.MemberResumeApi.as_view(), name="api-member-resume"),
    path("exclude/", members.MemberExcludeApi.as_view(), name="api-member-exclude"),
    path("include/", members.MemberIncludeApi.as_view(), name="api-member-include"),
]

hidden_checks = [
    path("", checks.ChecksApi.as_view(), name="api-checks"),
    path("pausing/", checks.ChecksPausingApi.as_view(), name="api-checks-pausing"),
    path("raters/", checks.CheckedListApi.as_view(), name="api-checked"),
    path("gold/", checks.GoldMissedListApi.as_view(), name="api-gold-missed"),
]

numbers_of = [
    path("throughput/", numbers.ThroughputApi.as_view(), name="api-throughput"),
    path("trend/", numbers.TrendApi.as_view(), name="api-trend"),
    path("value/", numbers.ValueApi.as_view(), name="api-value"),
    path("raters/", numbers.RaterListApi.as_view(), name="api-raters"),
    path("raters/<int:user_id>/release/", numbers.RaterReleaseApi.as_view(), name="api-rater-release"),
    path("hours/", numbers.HoursListApi.as_view(), name="api-hours"),
]

one_import = [
    path("", imports.ImportApi.as_view(), name="api-import"),
    path("read-as/", imports.ImportReadAsApi.as_view(), name="api-import-read-as"),
    path("start/", imports.ImportStartApi.as_view(), name="api-import-start"),
    path("stop/", imports.ImportStopApi.as_view(), name="api-import-stop"),
    path("errors/", imports.ImportErrorsApi.as_view(), name="api-import-errors"),
]

one_dataset = [
    path("", datasets.DatasetApi.as_view(), name="api-dataset"),
    path("stop/", datasets.DatasetStopApi.as_view(), name="api-dataset-stop"),
    path("start/", datasets.DatasetStartApi.as_view(), name="api-dataset-start"),
    path("send/", datasets.DatasetSendApi.as_view(), name="api-dataset-send"),
    path("difference/", datasets.DatasetDifferenceApi.as_view(), name="api-dataset-difference"),
    path("download/", datasets.DatasetDownloadApi.as_view(), name="api-dataset-download"),
]

one_webhook = [
    path("", webhooks.WebhookApi.as_view(), name="api-webhook"),
    path("secret/", webhooks.WebhookSecretApi.as_view(), name="api-webhook-secret"),
    path("test/", webhooks.WebhookTestApi.as_view(), name="api-webhook-test"),
    path("stop/", webhooks.WebhookStopApi.as_view(), name="api-webhook-stop"),
    path("go-on/", webhooks.WebhookGoOnApi.as_view(), name="api-webhook-go-on"),
    path("deliveries/", webhooks.DeliveryListApi.as_view(), name="api-deliveries"),
    path("deliveries/<int:delivery_id>/again/", webhooks.DeliveryAgainApi.as_view(), name="api-delivery-again"),
]

one_comparison = [
    path("", comparisons.ComparisonApi.as_view(), name="api-comparison"),
    path("set-aside/", flags.ComparisonSetAsideApi.as_view(), name="api-comparison-set-aside"),
    path("put-back/", flags.ComparisonPutBackApi.as_view(), name="api-comparison-put-back"),
]

one_round = [
    path("", rounds.RoundApi.as_view(), name="api-round"),
    path("progress/", rounds.RoundProgressApi.as_view(), name="api-round-progress"),
    path("queue/", queue.RoundQueueApi.as_view(), name="api-round-queue"),
    path("launch/", rounds.RoundLaunchApi.as_view(), name="api-round-launch"),
    path("abandon/", rounds.RoundAbandonApi.as_view(), name="api-round-abandon"),
    path("retry/", rounds.RoundRetryApi.as_view(), name="api-round-retry"),
    path("leases/", rounds.LeaseListApi.as_view(), name="api-leases"),
    path("leases/<int:assignment_id>/release/", rounds.LeaseReleaseApi.as_view(), name="api-lease-release"),
    path("comparisons/", comparisons.ComparisonListApi.as_view(), name="api-comparisons"),
    path("judgments/", comparisons.JudgmentListApi.as_view(), name="api-judgments"),
]

one_run = [
    path("", runs.RunApi.as_view(), name="api-run"),
    path("events/", runs.RunEventListApi.as_view(), name="api-run-events"),
    path("cancel/", runs.RunCancelApi.as_view(), name="api-run-cancel"),
]

one_checkpoint = [
    path("", checkpoints.CheckpointApi.as_view(), name="api-checkpoint"),
    path("promote/", checkpoints.CheckpointPromoteApi.as_view(), name="api-checkpoint-promote"),
    path("retire/", checkpoints.CheckpointRetireApi.as_view(), name="api-checkpoint-retire"),
    path("download/", checkpoints.CheckpointDownloadApi.as_view(), name="api-checkpoint-download"),
    path("card/", checkpoints.CheckpointCardApi.as_view(), name="api-checkpoint-card"),
    path("push/", checkpoints.CheckpointPushApi.as_view(), name="api-checkpoint-push"),
    path("merged/", checkpoints.CheckpointMergeApi.as_view(), name="api-checkpoint-merge"),
    path("merged/remove/", checkpoints.CheckpointMergedRemoveApi.as_view(), name="api-checkpoint-merged-remove"),
    path("merged/download/", checkpoints.CheckpointMergedDownloadApi.as_view(), name="api-checkpoint-merged-download"),
]

project: list[URLPattern | URLResolver] = [
    path("", projects.ProjectApi.as_view(), name="api-project"),
    path("judge/", include(judge)),
    path("members/", members.MemberListApi.as_view(), name="api-members"),
    path("members/<int:member_id>/", include(one_member)),
    path("invitations/", members.InvitationListApi.as_view(), name="api-invitations"),
    path("guidelines/", guidelines.GuidelineListApi.as_view(), name="api-guidelines"),
    path("protocols/", protocols.ProtocolListApi.as_view(), name="api-protocols"),
    path("gold/", gold.GoldListApi.as_view(), name="api-gold"),
    path("gold/<int:gold_id>/retire/", gold.GoldRetireApi.as_view(), name="api-gold-retire"),
    path("checks/", include(hidden_checks)),
    path("flags/", flags.FlagListApi.as_view(), name="api-flags"),
    path("queue/", queue.QueueApi.as_view(), name="api-queue"),
    path("queue/wanted/", queue.QueueWantedApi.as_view(), name="api-queue-wanted"),
    path("queue/first/", queue.QueueFirstApi.as_view(), name="api-queue-first"),
    path("prompts/", prompts.PromptListApi.as_view(), name="api-prompts"),
    path("prompts/<int:prompt_id>/", prompts.PromptApi.as_view(), name="api-prompt"),
    path("prompts/<int:prompt_id>/responses/", prompts.PromptResponseListApi.as_view(), name="api-prompt-responses"),
    path("responses/", prompts.ResponseListApi.as_view(), name="api-responses"),
    path("imports/", imports.ImportListApi.as_view(), name="api-imports"),
    path("imports/from-server/", imports.ImportFromServerApi.as_view(), name="api-import-from-server"),
    path("imports/from-hub/", imports.ImportFromHubApi.as_view(), name="api-import-from-hub"),
    path("imports/server-files/", imports.ServerFileListApi.as_view(), name="api-server-files"),
    path("imports/<int:import_id>/", include(one_import)),
    path("quality/", agreement.QualityApi.as_view(), name="api-quality"),
    path("agreement/", agreement.AgreementApi.as_view(), name="api-agreement"),
    path("leaderboard/", leaderboard.LeaderboardApi.as_view(), name="api-leaderboard"),
    path("numbers/", include(numbers_of)),
    path("adjudication/", adjudication.AdjudicationListApi.as_view(), name="api-adjudications"),
    path("adjudication/<int:comparison_id>/", adjudication.AdjudicationApi.as_view(), name="api-adjudication"),
    path(
        "adjudication/<int:comparison_id>/note/",
        adjudication.AdjudicationNoteApi.as_view(),
        name="api-adjudication-note",
    ),
    path("snapshots/", snapshots.SnapshotListApi.as_view(), name="api-snapshots"),
    path("snapshots/<int:version>/", snapshots.SnapshotApi.as_view(), name="api-snapshot"),
    path("snapshots/<int:version>/download/", snapshots.SnapshotDownloadApi.as_view(), name="api-snapshot-download"),
    path("datasets/", datasets.DatasetListApi.as_view(), name="api-datasets"),
    path("datasets/<int:version>/", include(one_dataset)),
    path("webhooks/", webhooks.WebhookListApi.as_view(), name="api-webhooks"),
    path("webhooks/<int:webhook_id>/", include(one_webhook)),
    path("rounds/", rounds.RoundListApi.as_view(), name="api-rounds"),
    path("rounds/<int:number>/", include(one_round)),
    path("comparisons/<int:comparison_id>/", include(one_comparison)),
    path("runs/", runs.RunListApi.as_view(), name="api-runs"),
    path("runs/<int:run_id>/", include(one_run)),
    path("checkpoints/", checkpoints.CheckpointListApi.as_view(), name="api-checkpoints"),
    path("checkpoints/<int:checkpoint_id>/", include(one_checkpoint)),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", index.index, name="api-index"),
    path("schema/", index.SchemaApi.as_view(), name="api-schema"),
    path("projects/", projects.ProjectListApi.as_view(), name="api-projects"),
    path("projects/<slug:slug>/", include(project)),
    re_path("", MissingApi.as_view()),
]
