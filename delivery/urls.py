from __future__ import annotations

from django.urls import path

from delivery import ingestion, preference_pages, web

urlpatterns = [
    path("h", web.proof, name="tracking-proof"),
    path("o/<str:token>", web.open_pixel, name="open"),
    path("c/<str:token>", web.click, name="click"),
    path("u/<str:token>", web.unsubscribe, name="unsubscribe"),
    path("d/<str:token>", web.confirm, name="confirm"),
    path("n/<str:token>", web.not_me, name="not-me"),
    path("p/<str:token>", preference_pages.show, name="preferences"),
    path("r/<str:token>", preference_pages.fulfil, name="data-request"),
    path("inbound/<str:secret>", ingestion.ingest, name="ingest"),
    path("esp/<str:transport_id>", ingestion.hear, name="esp-callbacks"),
]
