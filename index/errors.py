"""The errors Article QA raises on purpose; knows nothing of who catches them.

Every message says what was found, what was expected and what to do. Entry points (command line,
API, page) catch :class:`ArticleQAError` and print its one line.
"""


class ArticleQAError(Exception):
    """Base of every error with a message meant for the person in front of the program."""


class BadInputError(ArticleQAError):
    """What was asked for is not acceptable; asking again the same way gives the same error."""


class NotFoundError(BadInputError):
    """What was asked for by name or id is not there."""


class BuilderBusyError(ArticleQAError):
    """Another process is building a generation; trying again later succeeds."""


class ClusterError(ArticleQAError):
    """The machines that embed cannot be reached or do not work; what they did is kept, and trying later goes on."""


class ConfigError(ArticleQAError):
    """A configuration key or value is not acceptable."""


class DamagedIndexError(ArticleQAError):
    """A file of a generation is missing or differs from its manifest."""


class FetchError(ArticleQAError):
    """A web address could not be fetched; the two kinds below say whether trying later can help."""


class PermanentFetchError(FetchError):
    """Asking again gives the same: the address is refused, gone, too large or not what was expected."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        """:param status: The HTTP status, where the server's answer is the reason."""
        super().__init__(message)
        self.status = status


class TransientFetchError(FetchError):
    """Trying later may succeed: the server is busy, slow or cannot be reached now."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        """:param retry_after_seconds: How long the server asked to be left alone, where it said so."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ModelError(ArticleQAError):
    """A model is missing, damaged or of a kind that is not loaded here."""


class NoGenerationError(ArticleQAError):
    """There is no index yet: no article was ever added."""


class StorageError(ArticleQAError):
    """The data folder cannot be read or written."""


class PartialResultsError(StorageError):
    """A server that holds a part of the index does not answer: what would be found may miss the best."""


class VerificationError(ArticleQAError):
    """A finished index does not answer the operator's probe questions; it was not published."""
