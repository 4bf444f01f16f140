"""Django's settings for one city; what varies comes from `siwei.settings` and the city's own `city.toml`."""

from pathlib import Path
from typing import Any

import dj_database_url
from django.utils.translation import gettext_lazy as _

from siwei.city.home import PACKS, CityHome, open_home
from siwei.errors import NotFound
from siwei.portal.log_secrets import LOGGERS
from siwei.settings import load_settings

process = load_settings()
home: CityHome | None
try:
    home = open_home(process.city)
    SECRET_KEY = home.secret_key
except NotFound:  # before `siwei init`: commands that need no city (checks, makemigrations, tests) still run
    home = None
    SECRET_KEY = "no-city-yet"  # noqa: S105

CITY_PACK = home.pack_directory if home else PACKS / "shenzhen"
"""Whose rules the exchange keeps: which ties make parties related, say."""

BASE = Path(__file__).resolve().parent
DEBUG = process.debug
ALLOWED_HOSTS = process.hosts.split(",")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "ninja",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_tasks_db",
    "siwei.exchange",
    "siwei.portal",
]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
AUTH_USER_MODEL = "exchange.Person"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}]

MIDDLEWARE = [
    "siwei.portal.faults.FaultMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "siwei.portal.languages.language_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "siwei.portal.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "siwei.portal.frame.page_frame",
            ]
        },
    }
]

SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",  # a writer waits for the lock at the start instead of failing in the middle
    "timeout": 30,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}
if process.database_url:
    DATABASES = {"default": dj_database_url.parse(process.database_url, conn_max_age=60)}
else:
    sqlite_file = home.database if home else process.city / "city.sqlite3"
    DATABASES = {
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(sqlite_file), "OPTIONS": SQLITE_OPTIONS}
    }

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("zh-hant", _("Traditional Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

STATIC_URL = "static/"
LOGIN_REDIRECT_URL = "/desk"
LOGIN_URL = "/accounts/login/"
CSRF_FAILURE_VIEW = "siwei.portal.faults.out_of_date"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_FORMS = {
    "reauthenticate": "siwei.portal.account_forms.PasswordAgain",
    "change_password": "siwei.portal.account_forms.PasswordChange",
}
ACCOUNT_ADAPTER = "siwei.portal.sign_in.InvitedOnly"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
MFA_ADAPTER = "siwei.portal.sign_in.EncryptedFactors"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_RECOVERY_CODES_SHOW_ONCE = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024  # as much as the server takes in one request (`siwei.cli.serve`)
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
WHITENOISE_USE_FINDERS = True
LANGUAGE_COOKIE_NAME = "siwei_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "filters": {"without_secrets": {"()": "siwei.portal.log_secrets.WithoutSecrets"}},
    "loggers": {
        **{name: {"filters": ["without_secrets"]} for name in LOGGERS},
        "django.template": {"level": "INFO"},  # below, it writes down all that a page is made of
        "django.request": {
            "handlers": ["console"], "level": "ERROR", "propagate": False, "filters": ["without_secrets"],
        },
    },
}  # fmt: skip
