"""Every setting comes from the environment (docs/settings.md); reading it starts nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
import structlog
from environs import Env

from emailseq import env as urls
from emailseq import logs

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env(eager=False)

# --- Deployment -------------------------------------------------------------------------
ENVIRONMENT = env.str("ENVIRONMENT", "development")
DEBUG = env.bool("DEBUG", False)
SITE_URL = env.str("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [urlsplit(SITE_URL).hostname or "127.0.0.1"])
DATA_DIR = Path(env.str("EMAILSEQ_DATA_DIR", str(BASE_DIR / "var")))

# Another name than the one a database knows must not send from it: the database is a copy.
DEPLOYMENT_ID = env.str("DEPLOYMENT_ID", "")

# --- Secrets: required in production, made by `quickstart` in development ---------------
SECRET_KEY = urls.secret("SECRET_KEY", DATA_DIR)
JWT_SIGNING_KEY = urls.secret("JWT_SIGNING_KEY", DATA_DIR)
# Rings, `kid:key,kid:key`, newest first: old links and stored secrets outlive a rotation.
LINK_KEYS = urls.ring("LINK_KEYS", DATA_DIR)
FIELD_KEYS = urls.ring("FIELD_KEYS", DATA_DIR)

# --- Applications -----------------------------------------------------------------------
INSTALLED_APPS = [
    "emailseq.apps.EmailseqConfig",  # before the theme, some of whose templates it replaces
    "unfold.apps.BasicAppConfig",
    "emailseq.apps.BackofficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prometheus",
    "django_structlog",
    "django_linear_migrations",
    "accounts",
    "subscribers",
    "templates_app",
    "delivery",
    "analytics",
    "sequences",
    "campaigns",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "emailseq.middleware.HitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "emailseq.middleware.RequestIdMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "emailseq.middleware.SecurityHeadersMiddleware",
    "emailseq.middleware.ProblemMiddleware",
    "emailseq.middleware.TrackingHostMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "emailseq.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "emailseq.middleware.WorkspaceMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
# How many proxies stand in front, each of which appends to X-Forwarded-For.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)
if TRUSTED_PROXIES:
    MIDDLEWARE.insert(0, "emailseq.middleware.ProxyMiddleware")
ROOT_URLCONF = "emailseq.urls"
WSGI_APPLICATION = "emailseq.wsgi.application"
APPEND_SLASH = False  # a redirect would lose the body of an API call
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "emailseq.backoffice.pages.shell",
            ]
        },
    }
]

# --- PostgreSQL, the only truth ---------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_DATABASE = dj_database_url.parse(
    urls.require("DATABASE_URL"), conn_max_age=60, conn_health_checks=True
)
_DATABASE.setdefault("OPTIONS", {})["options"] = (
    "-c lock_timeout=4s -c statement_timeout=30s -c idle_in_transaction_session_timeout=30s"
)
DATABASES = {"default": _DATABASE}

# --- Valkey: cache and alarm clock; may be flushed at any moment ------------------------
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": urls.redis_url("cache"),
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 2, "SOCKET_TIMEOUT": 2},
    }
}
BUCKETS_URL = urls.redis_url("buckets")
CELERY_BROKER_URL = urls.redis_url("broker")

# --- Mail -------------------------------------------------------------------------------
EMAIL_URL = urls.email_url(urls.read("EMAIL_URL") or "inbox://")
# Who writes to those who work here, where their workspace has no sender yet.
FROM_EMAIL = env.str("EMAILSEQ_FROM", "")
INBOX = urls.email_url("inbox://")
SAFE_MODE = urls.safe_mode(urls.read("EMAILSEQ_SAFE_MODE") or "off")
TRACKING_URL = env.str("TRACKING_URL", SITE_URL).rstrip("/")
SPF_MECHANISMS = urls.mechanisms("EMAILSEQ_SPF")
DNS_SERVERS = urls.name_servers("EMAILSEQ_DNS_SERVERS")
LEASE_SECONDS = env.int("EMAILSEQ_LEASE_SECONDS", 45)
# A source is paused when more than so many percent of at least so many messages come back.
BRAKE_BOUNCES = env.float("EMAILSEQ_MAX_BOUNCES", 5.0)
BRAKE_COMPLAINTS = env.float("EMAILSEQ_MAX_COMPLAINTS", 0.3)
BRAKE_AFTER = env.int("EMAILSEQ_BRAKE_AFTER", 200)
REST_SECONDS = env.int("EMAILSEQ_REST_SECONDS", 30)
TRANSPORT_ALLOWED_HOSTS: list[str] = env.list("TRANSPORT_ALLOWED_HOSTS", [])
INBOX_DIR = DATA_DIR / "inbox"
INBOUND_SECRET = env.str("EMAILSEQ_INBOUND_SECRET", "")
WIRES_DIR = DATA_DIR / "wires"  # where pumps keep what they write, for the reaper of their host

# --- People -----------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.PasswordBackend"]
LOGIN_URL = "/admin/account/login/"
LOGIN_REDIRECT_URL = "/admin/"
PASSWORD_RESET_TIMEOUT = 3600
ACCOUNT_ADAPTER = "emailseq.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_FORMS = {"reset_password": "accounts.forms.ResetForm"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # who has a login came by a link to their address
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_RATE_LIMITS = False  # they live in the cache; ours hold without Valkey, for the API, too
ACCOUNT_SESSION_REMEMBER = True  # for SESSION_COOKIE_AGE
MFA_ADAPTER = "emailseq.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "emailseq"
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "accounts.forms.CodeForm",
    "reauthenticate": "accounts.forms.CodeAgainForm",
}
SOCIALACCOUNT_ADAPTER = "emailseq.adapters.SocialAdapter"
SOCIALACCOUNT_ONLY = False
# A provider of OpenID Connect by which people may sign in, too.
OIDC_ISSUER = env.str("OIDC_ISSUER", "")
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": env.str("OIDC_NAME", "single sign-on"),
                "client_id": env.str("OIDC_CLIENT_ID", ""),
                "secret": urls.read("OIDC_CLIENT_SECRET") or "",
                "settings": {"server_url": OIDC_ISSUER},
            }
        ]
        if OIDC_ISSUER
        else [],
    }
}
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "theme"]
FORMAT_MODULE_PATH = ["emailseq.formats"]
TIME_ZONE = "UTC"
USE_TZ = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator")
]

# --- HTTP -------------------------------------------------------------------------------
_HTTPS = SITE_URL.startswith("https://")
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _HTTPS  # browsers allow it on this machine only
SECURE_SSL_REDIRECT = (
    False  # the proxy in front redirects; one-click POSTs must never be redirected
)
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_AGE = 12 * 3600
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STORAGES = {
    "default": urls.media_storage(urls.read("MEDIA_STORAGE_URL") or "", DATA_DIR),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = ENVIRONMENT != "production"

# --- Back office ------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "emailseq",
    "SITE_HEADER": "emailseq",
    "SITE_SUBHEADER": "emailseq.backoffice.navigation.workspace_name",
    "SITE_DROPDOWN": "emailseq.backoffice.navigation.switcher",
    "SITE_SYMBOL": "forward_to_inbox",
    "SITE_FAVICONS": [{"rel": "icon", "href": f"{STATIC_URL}backoffice/icon.svg"}],
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "emailseq.backoffice.navigation.environment",
    "SIDEBAR": {"navigation": "emailseq.backoffice.navigation.sidebar"},
    "STYLES": [f"{STATIC_URL}backoffice/app.css"],
    "SCRIPTS": [f"{STATIC_URL}backoffice/app.js"],
    "ACCOUNT": {"navigation": "emailseq.backoffice.navigation.account"},
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "font": {"subtle-dark": "var(--color-base-300)"},  # enough contrast on a dark page
        "primary": {
            "50": "#eef2ff",
            "100": "#e0e7ff",
            "200": "#c7d2fe",
            "300": "#a5b4fc",
            "400": "#818cf8",
            "500": "#6366f1",
            "600": "#4f46e5",
            "700": "#4338ca",
            "800": "#3730a3",
            "900": "#312e81",
            "950": "#1e1b4b",
        },
    },
}

# --- API --------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.APIKeyAuthentication",
        "accounts.authentication.JWTAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.authentication.HasPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["emailseq.lib.api.parsers.JSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttles.CredentialThrottle"],
    "DEFAULT_PAGINATION_CLASS": "emailseq.lib.api.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "emailseq.lib.api.schema.Schema",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "DURATION_FORMAT": "iso-8601",
    "EXCEPTION_HANDLER": "emailseq.lib.api.problems.handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "USER_ID_FIELD": "uid",
    "USER_ID_CLAIM": "sub",
    "ISSUER": SITE_URL,
    "AUDIENCE": "emailseq",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,
    "LEEWAY": 10,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "emailseq",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "BrandFont": "templates_app.blocks.kinds.FONTS",
        "CallState": "delivery.states.CallState",
        "CampaignMetric": "campaigns.states.Metric",
        "ContentMode": "templates_app.states.ContentMode",
        "DomainState": "delivery.states.DomainState",
        "EndpointState": "delivery.states.EndpointState",
        "CampaignState": "campaigns.states.CampaignState",
        "EnrollmentState": "sequences.states.EnrollmentState",
        "ImageKind": "templates_app.states.ImageKind",
        "ImportKind": "subscribers.states.ImportKind",
        "ImportState": "subscribers.states.ImportState",
        "MessageState": "delivery.states.MessageState",
        "KeyState": "delivery.states.KeyState",
        "ResendTo": "campaigns.states.Ignored",
        "SequenceState": "sequences.states.SequenceState",
        "SourceKind": "delivery.states.SourceKind",
        "StepKind": "sequences.states.StepKind",
        "StepMetric": "sequences.program.METRICS",
        "SubscriptionState": "subscribers.states.SubscriptionState",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
API_RATE = env.str("API_RATE", "6000/min")
# How often people of one network (/24, or /64 of IPv6) may send forms within an hour.
FORM_SIGN_UPS_PER_HOUR = env.int("FORM_SIGN_UPS_PER_HOUR", 20)
# Who judges whether it was a person who filled in a form: Turnstile, hCaptcha or whoever answers
# like them. Nobody is asked while the first is empty.
CAPTCHA_VERIFY_URL = env.str("CAPTCHA_VERIFY_URL", "")
CAPTCHA_SECRET = env.str("CAPTCHA_SECRET", "")
CAPTCHA_SITE_KEY = env.str("CAPTCHA_SITE_KEY", "")
CAPTCHA_SCRIPT_URL = env.str("CAPTCHA_SCRIPT_URL", "")
# Who tells what is stored of one person: each floor its own part.
EMAILSEQ_DOSSIER = [
    "subscribers.dossier.own_parts",
    "delivery.dossier.own_parts",
    "sequences.dossier.own_parts",
]
# How long what came with a transactional message is kept once that is finished.
TRANSACTIONAL_DATA_FOR = timedelta(days=env.int("TRANSACTIONAL_DATA_DAYS", 30))
# How long the log keeps what custom events told, what profiles changed and what people wrote.
EVENT_DETAILS_FOR = timedelta(days=env.int("EVENT_DETAILS_DAYS", 0))
# Facts that are told later than this after they happened set nothing off: history is no news.
EVENT_LATE_AFTER = timedelta(hours=env.int("EVENT_LATE_HOURS", 72))

# --- Webhooks: where calls may lead besides the public internet -------------------------
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", False)
WEBHOOK_ALLOWED_HOSTS: list[str] = env.list("WEBHOOK_ALLOWED_HOSTS", [])

# --- Observation ------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOG_FORMAT = env.str("LOG_FORMAT", "json")
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
DJANGO_STRUCTLOG_CELERY_ENABLED = False
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # RequestIdMiddleware has seen to it
_SHARED_PROCESSORS: list[Any] = [
    logs.redact,
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer()
            if LOG_FORMAT == "json"
            else structlog.dev.ConsoleRenderer(),
            "foreign_pre_chain": _SHARED_PROCESSORS,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {"httpx": {"level": "WARNING"}},  # it would log others' URLs
}
structlog.configure(
    processors=[*_SHARED_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

env.seal()
