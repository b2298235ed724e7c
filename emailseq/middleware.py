"""What every answer carries, and whose data a signed-in request is about."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]

# Alpine, which the admin's theme is built on, needs eval; so escaping is the wall there, and this
# policy the ditch. Public pages need no script at all.
ADMIN_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)
DOCS_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
PUBLIC_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_POLICIES = {"/admin/": ADMIN_POLICY, "/api/docs/": DOCS_POLICY}


class SecurityHeadersMiddleware:
    """Sets the content security policy by path, unless the view has set a stricter one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _policy(request.path))
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        return response


def _policy(path: str) -> str:
    for prefix, policy in _POLICIES.items():
        if path.startswith(prefix):
            return policy
    return PUBLIC_POLICY
