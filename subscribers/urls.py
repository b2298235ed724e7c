from __future__ import annotations

from django.urls import path

from subscribers import web

urlpatterns = [
    path("forms/<str:form_id>", web.form, name="form"),
    path("forms/<str:form_id>/embed.js", web.script, name="form-script"),
]
