from __future__ import annotations

from django.urls import path

from accounts.api.views import Auth, Me

urlpatterns = [
    path("me", Me.as_view({"get": "retrieve"}, basename="me")),
    path("auth/token", Auth.as_view({"post": "sign_in"}, basename="auth")),
    path("auth/token/refresh", Auth.as_view({"post": "refresh"}, basename="auth")),
    path("auth/token/revoke", Auth.as_view({"post": "revoke"}, basename="auth")),
]
