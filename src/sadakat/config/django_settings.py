"""Django's settings, made from ours. Importing it opens nothing: `config.boot` does that first."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

from sadakat.config import boot
from sadakat.platform import settings as sadakat_settings

_settings = sadakat_settings.current()
_database = conninfo_to_dict(boot.process.dsn)

SECRET_KEY = boot.process.secret_key
DEBUG = False
ALLOWED_HOSTS = sorted({_settings.host, "localhost", "127.0.0.1", "[::1]"})
INSTALLED_APPS = [
    "sadakat.console",
    "sadakat.predictions",
    "sadakat.loyalty",
    "sadakat.analytics",
    "sadakat.segments",
    "sadakat.commerce",
    "sadakat.customers",
    "sadakat.events",
    "sadakat.platform",
    "procrastinate.contrib.django",
    "django_htmx",
    "lucide",
    "ninja",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "sadakat.platform.http.SecurityHeaders",
    "sadakat.platform.http.Compressed",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "sadakat.platform.http.UserLanguage",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "sadakat.platform.http.Refusals",
]
ROOT_URLCONF = "sadakat.config.urls"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "sadakat.platform.ui.shell.context",
            ],
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.get("dbname", ""),
        "USER": _database.get("user", ""),
        "PASSWORD": _database.get("password", ""),
        "HOST": _database.get("host", ""),
        "PORT": str(_database.get("port", "")),
        # Under ASGI each request has a thread of its own: a connection kept for later would never be found again.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"server_side_binding": True},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "platform.User"
AUTHENTICATION_BACKENDS = ["sadakat.platform.login.Backend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator", "OPTIONS": {"user_attributes": ("email", "name")}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _settings.is_https
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _settings.is_https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _settings.is_https else None
CSRF_TRUSTED_ORIGINS = [_settings.base_url]
X_FRAME_OPTIONS = "DENY"
LANGUAGE_CODE = _settings.language
LANGUAGES = [("en", "English"), ("tr", "Türkçe")]
LOCALE_PATHS = [boot.PACKAGE / "locale"]
LANGUAGE_COOKIE_NAME = "sadakat_language"
# A file may have 1,000 columns, and each is two fields of the form that says what they mean.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_500
USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = True
STATIC_URL = "/static/"
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
LOGGING_CONFIG = None
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
