"""All settings, read once from the environment by the strict readers below.

A word that a reader does not know stops the process with one line naming the variable, so a typing mistake
never turns into a silent default. A secret `NAME` may also be given as `NAME_FILE`, a file that holds it.

Defaults suit one person on one machine. Before other people can reach it, production must set:
TIEBREAK_SECRET_KEY, TIEBREAK_ALLOWED_HOSTS, TIEBREAK_SECURE=1 (behind TLS), and usually DATABASE_URL and
CELERY_BROKER_URL. `make up` without these two starts its own servers under TIEBREAK_HOME and writes their
addresses to TIEBREAK_HOME/instance.json, where any command run beside it (`manage.py …`) finds them.
"""

import json
import logging
import os
import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.log import CallbackFilter
from kombu.entity import Queue

BASE_DIR = Path(__file__).resolve().parent.parent


# --- readers ---------------------------------------------------------------------------------------------------


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value!r} is not one of {', '.join(allowed)}.")
    return value


def flag(name: str, default: bool) -> bool:
    word = text(name, str(default)).lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name}={word!r} is neither yes (1, true, yes, on) nor no (0, false, no, off).")


def whole(name: str, default: int, low: int, high: int) -> int:
    word = text(name, str(default))
    if not re.fullmatch(r"-?\d{1,12}", word) or not low <= int(word) <= high:
        raise ImproperlyConfigured(f"{name}={word!r} is not a whole number from {low} to {high}.")
    return int(word)


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def secret(name: str) -> str:
    """`NAME`, or the content of the file `NAME_FILE` names; having both is an error."""
    file = text(f"{name}_FILE")
    if not file:
        return text(name)
    if text(name):
        raise ImproperlyConfigured(f"Both {name} and {name}_FILE are set; keep one of them.")
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE={file!r} cannot be read: {error.strerror}.") from None


def database(url: str) -> dict[str, Any]:
    """postgresql://user:password@host:port/name?option=value; a socket folder goes into ?host=/folder."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ImproperlyConfigured(f"DATABASE_URL starts with {parts.scheme!r}; Tiebreak needs postgresql://…")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    try:
        port = str(parts.port or "")
    except ValueError:
        raise ImproperlyConfigured("DATABASE_URL has a port that is not a number.") from None
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured("DATABASE_URL names no database; end it with /tiebreak, for example.")
    return {
        "ENGINE": "config.postgres",
        "NAME": name,
        "USER": options.pop("user", unquote(parts.username or "")),
        "PASSWORD": options.pop("password", unquote(parts.password or "")),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": options.pop("port", port),
        "OPTIONS": options,
    }


# --- the instance ----------------------------------------------------------------------------------------------

# TIEBREAK_HOME: the data folder. Embedded servers, snapshots, checkpoints, runs and collected static files.
HOME = Path(text("TIEBREAK_HOME", str(BASE_DIR / "var"))).expanduser().absolute()

# TIEBREAK_PORT, TIEBREAK_BIND: where `make up` serves the pages. Loopback only, until you say otherwise.
PORT = whole("TIEBREAK_PORT", 8000, 1, 65535)
BIND = text("TIEBREAK_BIND", "127.0.0.1")

# Snapshots, checkpoints and run folders. Web and workers must see the same folder.
TIEBREAK_STORE = Path(text("TIEBREAK_STORE", str(HOME / "store"))).expanduser().absolute()

# TIEBREAK_IMPORT_DIR: a folder whose files owners may import without uploading them. Every owner sees all of them.
TIEBREAK_IMPORT_DIR = text("TIEBREAK_IMPORT_DIR")


def instance() -> dict[str, Any]:
    """What the launcher wrote about the instance that runs in TIEBREAK_HOME; empty when none does."""
    try:
        found: dict[str, Any] = json.loads((HOME / "instance.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{HOME / 'instance.json'} cannot be read: {error}.") from None
    return found


INSTANCE = instance()

# TIEBREAK_HUB: the address of a model hub, such as https://huggingface.co, that weights may be sent to and data sets
# fetched from; empty: none. TIEBREAK_HUB_TOKEN (or _FILE) is sent to it. Every owner of a project acts with it.
TIEBREAK_HUB = text("TIEBREAK_HUB").rstrip("/")
if TIEBREAK_HUB and not re.match(r"https?://[^/@\s]+", TIEBREAK_HUB):
    raise ImproperlyConfigured(f"TIEBREAK_HUB={TIEBREAK_HUB!r} is not an address such as https://huggingface.co.")
TIEBREAK_HUB_TOKEN = secret("TIEBREAK_HUB_TOKEN")

# TIEBREAK_STORAGE: s3://bucket/prefix, where owners may send datasets; empty: nowhere. TIEBREAK_STORAGE_ENDPOINT names
# a server other than Amazon's. The keys are where all S3 tools look for them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
TIEBREAK_STORAGE = text("TIEBREAK_STORAGE").rstrip("/")
TIEBREAK_STORAGE_ENDPOINT = text("TIEBREAK_STORAGE_ENDPOINT").rstrip("/")
if TIEBREAK_STORAGE and not re.match(r"s3://[^/\s]+", TIEBREAK_STORAGE):
    raise ImproperlyConfigured(f"TIEBREAK_STORAGE={TIEBREAK_STORAGE!r} is not an address such as s3://bucket/folder.")

# The version is the newest heading of the changelog, "## 1.2.3 …" or "## [1.2.3] …".
CHANGELOG = BASE_DIR / "CHANGELOG.md"
HEADINGS = re.findall(r"^## \[?v?(\d+\.\d+[\w.]*)", CHANGELOG.read_text() if CHANGELOG.exists() else "", re.MULTILINE)
VERSION: str = HEADINGS[0] if HEADINGS else "0.1.0"


# --- database and broker ---------------------------------------------------------------------------------------

# DATABASE_URL (or DATABASE_URL_FILE): Postgres 14 or newer. Behind PgBouncer in transaction mode also set
# TIEBREAK_DATABASE_CURSORS=0, because a server-side cursor does not outlive a pooled transaction.
DATABASE_URL = secret("DATABASE_URL") or INSTANCE.get("database_url", "")
DATABASE_FROM = "DATABASE_URL" if secret("DATABASE_URL") else "instance.json" if DATABASE_URL else "nowhere"

# With neither, settings still load (checks and type tools need them); connecting fails, and manage.py says why.
DATABASES = {"default": database(DATABASE_URL or f"postgresql://tiebreak@/tiebreak?host={HOME}")}
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = not flag("TIEBREAK_DATABASE_CURSORS", True)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if not DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"]:
    # Only what asks for it is prepared (annotator/sql.py), however often the same words come by.
    DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 1_000_000_000

# TIEBREAK_DATABASE_POOL: connections shared by the threads of one process; 0 means one per thread, which costs
# less per request, because threads live as long as their process and a kept connection knows its statements.
POOL = whole("TIEBREAK_DATABASE_POOL", 0, 0, 100)
if POOL:
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": POOL, "timeout": 10}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 3600
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# CELERY_BROKER_URL (or CELERY_BROKER_URL_FILE): redis://, redis+socket://, rediss:// or amqp://.
CELERY_BROKER_URL = (
    secret("CELERY_BROKER_URL") or INSTANCE.get("broker_url", "") or f"redis+socket://{HOME}/redis/redis.sock"
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # keep trying: the broker may come back in a minute or tomorrow
if CELERY_BROKER_URL.startswith("redis"):
    # A page that rings a doorbell must not hang on a broker that is away; the row is saved, and tick rings again.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 10, "socket_keepalive": True}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_QUEUES = [Queue(name) for name in ("default", "generate", "train")]  # type: ignore[no-untyped-call]
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_IGNORE_RESULT = True  # results live in Postgres, written by services
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a waiting message stays where another free worker can take it
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False


# --- safety ----------------------------------------------------------------------------------------------------

# TIEBREAK_DEBUG: tracebacks in the browser and unhashed static files. Never on a machine others can reach.
DEBUG = flag("TIEBREAK_DEBUG", False)

# TIEBREAK_SECRET_KEY (or _FILE): signs sessions. `make up` draws one and keeps it in TIEBREAK_HOME/secret_key.
# A command that neither finds gets a throw-away key: it signs nothing that anybody would read later.
KEY_FILE = HOME / "secret_key"
SECRET_KEY = secret("TIEBREAK_SECRET_KEY")
if not SECRET_KEY:
    try:
        SECRET_KEY = KEY_FILE.read_text().strip()
    except OSError:
        SECRET_KEY = secrets.token_urlsafe(48)

# TIEBREAK_ALLOWED_HOSTS: names that browsers may use, comma-separated, "*" for any.
ALLOWED_HOSTS = words("TIEBREAK_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")

# TIEBREAK_TRUSTED_ORIGINS: https://name for each name, when a proxy changes the host.
CSRF_TRUSTED_ORIGINS = words("TIEBREAK_TRUSTED_ORIGINS")

# TIEBREAK_URL: how people reach this server, https://name and no slash at the end; links that leave it begin so.
TIEBREAK_URL = text("TIEBREAK_URL", f"http://localhost:{PORT}").rstrip("/")

# TIEBREAK_WEBHOOKS_PRIVATE: webhooks may go to plain HTTP and into the private network around this server.
TIEBREAK_WEBHOOKS_PRIVATE = flag("TIEBREAK_WEBHOOKS_PRIVATE", False)

# TIEBREAK_SECURE: everything arrives through TLS, ended by a proxy that sets X-Forwarded-Proto itself.
SECURE = flag("TIEBREAK_SECURE", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # probes come from inside, without TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
# TIEBREAK_HSTS_SECONDS: how long browsers refuse plain HTTP afterwards. Raise it when you are sure; undoing is slow.
SECURE_HSTS_SECONDS = whole("TIEBREAK_HSTS_SECONDS", 3600, 0, 63_072_000) if SECURE else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Two instances on one host differ in their ports only, and browsers share cookies across ports.
SESSION_ENGINE = "annotator.sign_in"
AUTHENTICATION_BACKENDS = ["annotator.sign_in.PasswordBackend"]
SESSION_COOKIE_NAME = f"tiebreak_session_{PORT}"
CSRF_COOKIE_NAME = f"tiebreak_csrf_{PORT}"

# Text from models and raters is hostile: nothing inline runs, nothing is fetched from elsewhere.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # data: for the small drawings inside our own style sheet
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# TIEBREAK_UPLOAD_MB: the largest request body that is not a file. A judgment with an edited answer needs far less.
DATA_UPLOAD_MAX_MEMORY_SIZE = whole("TIEBREAK_UPLOAD_MB", 20, 1, 2000) * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000


# --- people ----------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "annotator.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",  # so that accounts brought from elsewhere can sign in
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]


# --- the application -------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "annotator",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.policy.ContentPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "annotator.sign_in.SignedIn",
    # Every page needs a log-in unless its view says otherwise (@login_not_required).
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "annotator.http.ErrorPages",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [  # each in its own words, because that is how people look for theirs
    ("en", "English"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("zh-hans", "简体中文"),
    ("ar", "العربية"),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
LANGUAGE_COOKIE_NAME = f"tiebreak_language_{PORT}"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SECURE

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "annotator.api.schema.Described",
    "EXCEPTION_HANDLER": "annotator.api.errors.problem_of",
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Tiebreak",
    "DESCRIPTION": "Human preference annotation with the training loop built in.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    # Words stand where they are used: as named parts, their names would need care.
    "POSTPROCESSING_HOOKS": ["annotator.api.schema.tidied"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

# TIEBREAK_API_PER_MINUTE_TOKEN, TIEBREAK_API_PER_MINUTE_PERSON: requests that a token, and that a person with all of
# their tokens and pages that ask the API, may send in a minute. 0: any number.
API_PER_MINUTE_TOKEN = whole("TIEBREAK_API_PER_MINUTE_TOKEN", 600, 0, 1_000_000)
API_PER_MINUTE_PERSON = whole("TIEBREAK_API_PER_MINUTE_PERSON", 1200, 0, 1_000_000)


# --- static files ----------------------------------------------------------------------------------------------

# TIEBREAK_STATIC: "hashed" serves what collectstatic wrote, compressed and cached for ever under hashed names;
# "plain" serves the source folders, for development and tests.
STATIC = choice("TIEBREAK_STATIC", "plain" if DEBUG else "hashed", ("hashed", "plain"))
STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC == "hashed"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = STATIC == "plain"
MEDIA_ROOT = HOME / "media"


# --- logs ------------------------------------------------------------------------------------------------------


def no_probe(record: logging.LogRecord) -> bool:
    """A probe that finds us not ready is news for who asked, not for the log several times a second."""
    return "/readyz" not in record.getMessage()


# TIEBREAK_LOG_LEVEL: what reaches standard error; the process manager decides where it goes from there.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_probes": {"()": CallbackFilter, "callback": no_probe}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_probes"]}},
    "root": {
        "handlers": ["console"],
        "level": choice("TIEBREAK_LOG_LEVEL", "WARNING", ("DEBUG", "INFO", "WARNING", "ERROR")),
    },
}
