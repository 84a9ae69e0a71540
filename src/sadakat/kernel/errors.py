"""The few kinds of error that cross a door. Each says what was expected, what came and what would be possible."""


class SadakatError(Exception):
    """Base of every error that is meant to be read by a person; its text is one clear message."""

    http_status = 500


class Invalid(SadakatError):
    """The input does not have the form that is asked for (HTTP 422)."""

    http_status = 422


class NotFound(SadakatError):
    """What was asked for does not exist (HTTP 404)."""

    http_status = 404


class Refused(SadakatError):
    """The input is well formed, and a rule or a missing right forbids it (HTTP 403)."""

    http_status = 403


class Conflict(SadakatError):
    """It contradicts what is already there (HTTP 409)."""

    http_status = 409


class Unavailable(SadakatError):
    """A part that is needed does not answer now; trying again later may help (HTTP 503)."""

    http_status = 503
