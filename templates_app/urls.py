from __future__ import annotations

from django.urls import path

from templates_app import web

urlpatterns = [path("i/<str:name>", web.image, name="image")]
