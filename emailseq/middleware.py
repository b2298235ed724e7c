"""What every answer carries, and whose data a signed-in request is about."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.request import validate_host
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.deprecation import MiddlewareMixin

from accounts.audit import Actor
from accounts.models import Membership
from accounts.services import second_factor
from delivery import tracking_hosts, web
from emailseq.backoffice.pages import Request
from emailseq.lib import ids
from emailseq.lib.api import problems

# Alpine, which the admin's theme is built on, needs eval; so escaping is the wall there, and this
# policy the ditch. Public pages need no script at all.
ADMIN_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'{}; "
    "frame-ancestors 'self'"
).format(" https:" if settings.OIDC_ISSUER else "")  # a form leads to the provider
DOCS_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
PUBLIC_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_REQUEST_ID = "HTTP_X_REQUEST_ID"  # where the logs take it from, too
_HITS = {"/o/": web.open_pixel, "/c/": web.click}
_LINK = re.compile(r"/[a-z]/")  # the pages that messages lead to
_SANE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_ALWAYS_OPEN = ("/admin/account/", "/admin/logout/", "/admin/workspaces/")
_POLICIES = {"/admin/": ADMIN_POLICY, "/api/docs/": DOCS_POLICY}


class RequestIdMiddleware(MiddlewareMixin):
    """Gives every request an id, or keeps a sane one of the client's, and says it in the answer."""

    def process_request(self, request: HttpRequest) -> None:
        if not _SANE_ID.fullmatch(request.META.get(_REQUEST_ID, "")):
            request.META[_REQUEST_ID] = ids.encode("req", ids.new())

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers["X-Request-Id"] = request.META[_REQUEST_ID]
        return response


class ProxyMiddleware(MiddlewareMixin):
    """Takes a request's address from what the proxies in front say, of whom there are so many.

    Each appends whom it has heard from; what stands further left a client may have invented.
    """

    def process_request(self, request: HttpRequest) -> None:
        heard = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        with suppress(ValueError, IndexError):
            address = ip_address(heard[-settings.TRUSTED_PROXIES].strip())
            request.META["REMOTE_ADDR"] = str(address)


class ProblemMiddleware(MiddlewareMixin):
    """Says in the API's words what Django refuses on its own: unknown paths, hosts, crashes."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        is_django = response.headers.get("Content-Type", "").startswith("text/html")
        if response.status_code < 400 or not is_django or not request.path.startswith("/api/"):
            return response
        problem = problems.document(problems.BY_STATUS.get(response.status_code, "internal"))
        return JsonResponse(problem, status=problem["status"], content_type=problems.MEDIA_TYPE)


class TrackingHostMiddleware(MiddlewareMixin):
    """Lets the links of a workspace in by a host of its own, and nothing else by that name.

    From here on the request is one to us; views see by META whose host it was. A host that nobody
    has named is refused by Django.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        host = request.META.get("HTTP_HOST", "").partition(":")[0].lower()
        if not host or validate_host(host, settings.ALLOWED_HOSTS):
            return None
        found = tracking_hosts.find(host)
        if found is None:
            return None
        if request.path != "/h" and not (found.proved and _LINK.match(request.path)):
            return HttpResponse("There is nothing here.", status=404, content_type="text/plain")
        request.META["HTTP_HOST"] = urlsplit(settings.SITE_URL).netloc
        request.META[tracking_hosts.HOST] = host
        request.META[tracking_hosts.WORKSPACE] = found.workspace_id
        return None


class HitMiddleware(TrackingHostMiddleware):
    """Answers pixels and clicks before all else: thousands come, without a session or a form.

    What it does not know it passes on, and so does whoever comes by an unknown name.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        view, token = _HITS.get(request.path[:3]), request.path[3:]
        if view is None or "/" in token:
            return None
        refused = super().process_request(request)
        with suppress(Http404, DisallowedHost):
            request.get_host()
            answer = refused or view(request, token)
            answer.headers["Content-Length"] = str(len(answer.content))
            return answer
        return None


class SecurityHeadersMiddleware(MiddlewareMixin):
    """Sets the content security policy by path, unless the view has set a stricter one."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers.setdefault("Content-Security-Policy", _policy(request.path))
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        return response


class LanguageMiddleware(LocaleMiddleware):
    """Pages speak the language chosen in the account menu, else the browser's; the API speaks
    English, whoever asks: its answers are kept for everybody."""

    def process_request(self, request: HttpRequest) -> None:
        if not request.path.startswith("/api/"):
            super().process_request(request)
        else:
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = settings.LANGUAGE_CODE


class WorkspaceMiddleware(MiddlewareMixin):
    """Says in which workspace, and as whom, a person signed in to the back office works.

    Times are shown in the workspace's own zone.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if request.path.startswith("/admin/"):
            membership = _choose(cast("Request", request))
            if membership:
                timezone.activate(membership.workspace.time_zone)
                return _ask_for_second_factor(request, membership)
        return None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        timezone.deactivate()
        return response


def _choose(request: Request) -> Membership | None:
    """Take the membership the session remembers; the oldest by default."""
    held = Membership.objects.filter(user_id=request.user.pk).select_related("workspace", "group")
    request.memberships = list(held.order_by("id"))
    request.membership = request.memberships[0] if request.memberships else None
    for membership in request.memberships:
        if membership.workspace_id == request.session.get("workspace"):
            request.membership = membership
    if request.membership:
        request.workspace = request.membership.workspace
        request.actor = Actor.user(request.user)
    return request.membership


def _ask_for_second_factor(request: HttpRequest, membership: Membership) -> HttpResponse | None:
    """The page to set one up, for who has none where everybody needs one."""
    if request.path.startswith(_ALWAYS_OPEN) or not membership.workspace.second_factor:
        return None
    return None if second_factor.is_shown(request) else redirect("mfa_index")


def _policy(path: str) -> str:
    for prefix, policy in _POLICIES.items():
        if path.startswith(prefix):
            return policy
    return PUBLIC_POLICY
