"""The API: `/api/v1`, its description and its documentation."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from accounts.api.keys import ApiKeys
from accounts.api.sign_in import Auth, Me
from accounts.api.workspace import WorkspaceSettings
from analytics.api import Conversions, Reports
from campaigns.api import CampaignExplanations, Campaigns, CampaignTests, CampaignTrials
from delivery.api import (
    Mailboxes,
    MessageExplanations,
    Messages,
    OptInMessages,
    PersonalData,
    Renderings,
    SenderIdentities,
    SendingDomains,
    TemplateTests,
    Timeline,
    Transports,
    WebhookCalls,
    WebhookEndpoints,
    WelcomeMessages,
)
from emailseq.lib.api.schema import Generator
from sequences.api import (
    Backfills,
    Drafts,
    Enrollments,
    Explanations,
    Exports,
    Forecasts,
    Imports,
    Outlooks,
    People,
    RunLogs,
    Sequences,
    SequenceTests,
    Simulations,
    Steps,
    SubscriberEnrollments,
    Trials,
    Versions,
)
from subscribers.api import (
    Consents,
    EventCatalogue,
    Events,
    Fields,
    Forms,
    Lists,
    PeopleBatches,
    PeopleImports,
    SegmentMembers,
    Segments,
    Subscribers,
    Suppressions,
    Tags,
)
from templates_app.api import (
    BrandSettings,
    Media,
    SavedBlocks,
    Starters,
    TemplateChecks,
    Templates,
    TemplateVersions,
    Translations,
)

router = SimpleRouter(trailing_slash=False)
router.register("v1/api-keys", ApiKeys, "api-keys")
router.register("v1/lists", Lists, "lists")
router.register("v1/forms", Forms, "forms")
router.register("v1/tags", Tags, "tags")
router.register("v1/fields", Fields, "fields")
router.register("v1/segments", Segments, "segments")
router.register("v1/subscribers", Subscribers, "subscribers")
router.register("v1/suppressions", Suppressions, "suppressions")
router.register("v1/imports", PeopleImports, "imports")
router.register("v1/templates", Templates, "templates")
router.register("v1/media", Media, "media")
router.register("v1/saved-blocks", SavedBlocks, "saved-blocks")
router.register("v1/templates/(?P<template>[^/]+)/versions", TemplateVersions, "template-versions")
router.register("v1/messages", Messages, "messages")
router.register("v1/sender-identities", SenderIdentities, "sender-identities")
router.register("v1/sending-domains", SendingDomains, "sending-domains")
router.register("v1/transports", Transports, "transports")
router.register("v1/mailboxes", Mailboxes, "mailboxes")
router.register("v1/webhook-endpoints", WebhookEndpoints, "webhook-endpoints")
router.register(
    "v1/webhook-endpoints/(?P<endpoint>[^/]+)/deliveries", WebhookCalls, "webhook-calls"
)
router.register("v1/sequences", Sequences, "sequences")
router.register("v1/sequences/(?P<sequence>[^/]+)/steps", Steps, "steps")
router.register("v1/sequences/(?P<sequence>[^/]+)/versions", Versions, "versions")
router.register("v1/backfills", Backfills, "backfills")
router.register("v1/enrollments", Enrollments, "enrollments")
router.register("v1/campaigns", Campaigns, "campaigns")
router.register("v1/conversions", Conversions, "conversions")

workspace = WorkspaceSettings.as_view(
    {"get": "retrieve", "patch": "partial_update"}, basename="workspace"
)
schema = SpectacularJSONAPIView.as_view(generator_class=Generator)
export_person = PersonalData.as_view({"post": "export"}, basename="subscribers")
consents = Consents.as_view({"get": "list"}, basename="consents")
snooze = PersonalData.as_view({"post": "snooze"}, basename="subscribers")
erase = PersonalData.as_view({"post": "erase"}, basename="subscribers")
merge = People.as_view({"post": "merge"}, basename="subscribers")
people_batch = PeopleBatches.as_view({"post": "batch"}, basename="subscribers")
explain_message = MessageExplanations.as_view({"get": "explain"}, basename="messages")
timeline = Timeline.as_view({"get": "list"}, basename="timeline")
events = Events.as_view({"get": "list", "post": "create"}, basename="events")
event_batch = Events.as_view({"post": "batch"}, basename="events")
opt_in = OptInMessages.as_view(
    {"get": "retrieve", "patch": "partial_update"}, basename="opt-in-message"
)
welcome = WelcomeMessages.as_view(
    {"get": "retrieve", "patch": "partial_update"}, basename="welcome-message"
)
event_export = Reports.as_view({"get": "events"}, basename="reports")
reports = Reports.as_view({"get": "table"}, basename="reports")
going_cold = Reports.as_view({"get": "going_cold"}, basename="reports")
reports_csv = Reports.as_view({"get": "csv"}, basename="reports")
catalogue = EventCatalogue.as_view({"get": "list"}, basename="event-catalogue")
segment_members = SegmentMembers.as_view({"get": "list"}, basename="segment-members")
brand = BrandSettings.as_view({"get": "retrieve", "patch": "partial_update"}, basename="brand")
starters = Starters.as_view({"get": "starters"}, basename="templates")
from_starter = Starters.as_view({"post": "from_starter"}, basename="templates")
translations = Translations.as_view({"get": "list"}, basename="translations")
translation = Translations.as_view(
    {"get": "retrieve", "put": "replace", "delete": "remove"}, basename="translations"
)
template_checks = TemplateChecks.as_view({"get": "checks"}, basename="templates")
test_template = TemplateTests.as_view({"post": "send_test"}, basename="templates")
test_campaign = CampaignTests.as_view({"post": "send_test"}, basename="campaigns")
test_sequence = SequenceTests.as_view({"post": "send_test"}, basename="sequences")
render = Renderings.as_view({"post": "render"}, basename="templates")
draft = Drafts.as_view({"get": "retrieve", "put": "replace"}, basename="drafts")
diff = Drafts.as_view({"get": "diff"}, basename="drafts")
preview = Drafts.as_view({"get": "preview"}, basename="drafts")
undo = Drafts.as_view({"post": "undo"}, basename="drafts")
export = Exports.as_view({"get": "export"}, basename="sequences")
import_document = Imports.as_view({"post": "import_document"}, basename="sequences")
from_recipe = Imports.as_view({"post": "from_recipe"}, basename="sequences")
recipes = Imports.as_view({"get": "recipes"}, basename="sequences")
run_log = RunLogs.as_view({"get": "log"}, basename="enrollments")
upcoming = Outlooks.as_view({"get": "upcoming"}, basename="subscribers")
explain = Explanations.as_view({"get": "explain"}, basename="subscribers")
explain_campaign = CampaignExplanations.as_view({"get": "explain"}, basename="campaigns")
forecast = Forecasts.as_view({"get": "forecast"}, basename="sequences")
trials = Trials.as_view({"get": "list"}, basename="trials")
choose = Trials.as_view({"post": "choose"}, basename="trials")
restart = Trials.as_view({"post": "restart"}, basename="trials")
campaign_trial = CampaignTrials.as_view(
    {"get": "retrieve", "put": "replace", "delete": "remove"}, basename="campaign-trials"
)
choose_variant = CampaignTrials.as_view({"post": "choose"}, basename="campaign-trials")
simulate = Simulations.as_view({"post": "simulate"}, basename="simulations")
enrollments = SubscriberEnrollments.as_view({"get": "list"}, basename="subscriber-enrollments")

urlpatterns = [
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api-docs"),
    path("v1/openapi.json", schema, name="openapi"),
    path("v1/workspace", workspace),
    path("v1/me", Me.as_view({"get": "retrieve"}, basename="me")),
    path("v1/auth/token", Auth.as_view({"post": "sign_in"}, basename="auth")),
    path("v1/auth/token/refresh", Auth.as_view({"post": "refresh"}, basename="auth")),
    path("v1/auth/token/revoke", Auth.as_view({"post": "revoke"}, basename="auth")),
    path("v1/subscribers/batch", people_batch),
    path("v1/messages/<str:id>/explain", explain_message),
    path("v1/subscribers/<str:id>/timeline", timeline),
    path("v1/subscribers/<str:id>/export", export_person),
    path("v1/subscribers/<str:id>/consents", consents),
    path("v1/subscribers/<str:id>/snooze", snooze),
    path("v1/subscribers/<str:id>/erase", erase),
    path("v1/subscribers/<str:id>/merge", merge),
    path("v1/subscribers/<str:id>/enrollments", enrollments),
    path("v1/lists/<str:id>/opt-in-message", opt_in),
    path("v1/lists/<str:id>/welcome-message", welcome),
    path("v1/events", events),
    path("v1/events/batch", event_batch),
    path("v1/events/catalogue", catalogue),
    path("v1/events/export", event_export),
    path("v1/reports", reports),
    path("v1/reports/csv", reports_csv),
    path("v1/reports/going-cold", going_cold),
    path("v1/segments/<str:id>/members", segment_members),
    path("v1/brand", brand),
    path("v1/templates/starters", starters),
    path("v1/templates/from-starter", from_starter),
    path("v1/templates/<str:id>/checks", template_checks),
    path("v1/templates/<str:template>/translations", translations),
    path("v1/templates/<str:template>/translations/<str:language>", translation),
    path("v1/templates/<str:id>/render", render),
    path("v1/templates/<str:id>/test", test_template),
    path("v1/campaigns/<str:id>/test", test_campaign),
    path("v1/sequences/<str:id>/test", test_sequence),
    path("v1/sequences/import", import_document),
    path("v1/sequences/from-recipe", from_recipe),
    path("v1/sequences/recipes", recipes),
    path("v1/sequences/<str:id>/export", export),
    path("v1/sequences/<str:id>/draft", draft),
    path("v1/sequences/<str:id>/draft/diff", diff),
    path("v1/sequences/<str:id>/draft/undo", undo),
    path("v1/sequences/<str:id>/simulate", simulate),
    path("v1/sequences/<str:id>/forecast", forecast),
    path("v1/campaigns/<str:id>/trial", campaign_trial),
    path("v1/campaigns/<str:id>/trial/choose", choose_variant),
    path("v1/sequences/<str:id>/trials", trials),
    path("v1/sequences/<str:id>/trials/<str:step>/choose", choose),
    path("v1/sequences/<str:id>/trials/<str:step>/restart", restart),
    path("v1/enrollments/<str:id>/log", run_log),
    path("v1/subscribers/<str:id>/upcoming", upcoming),
    path("v1/subscribers/<str:subscriber>/sequences/<str:id>/explain", explain),
    path("v1/subscribers/<str:subscriber>/campaigns/<str:id>/explain", explain_campaign),
    path("v1/sequences/<str:id>/publish/preview", preview),
    *router.urls,
]
