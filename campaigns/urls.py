from __future__ import annotations

from django.urls import path

from campaigns import web

urlpatterns = [
    path("archive/<slug:workspace>", web.index, name="archive"),
    path("archive/<slug:workspace>/feed.xml", web.feed, name="archive-feed"),
    path("archive/<slug:workspace>/<str:campaign>", web.campaign, name="archived-campaign"),
]
