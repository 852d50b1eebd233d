"""The errors Article QA raises on purpose; knows nothing of who catches them.

Every message says what was found, what was expected and what to do. Entry points (command line,
API, page) catch :class:`ArticleQAError` and print its one line.
"""


class ArticleQAError(Exception):
    """Base of every error with a message meant for the person in front of the program."""


class BadInputError(ArticleQAError):
    """What was asked for is not acceptable; asking again the same way gives the same error."""


class BuilderBusyError(ArticleQAError):
    """Another process is building a generation; trying again later succeeds."""


class ConfigError(ArticleQAError):
    """A configuration key or value is not acceptable."""


class DamagedIndexError(ArticleQAError):
    """A file of a generation is missing or differs from its manifest."""


class ModelError(ArticleQAError):
    """A model is missing, damaged or of a kind that is not loaded here."""


class NoGenerationError(ArticleQAError):
    """There is no index yet: no article was ever added."""


class StorageError(ArticleQAError):
    """The data folder cannot be read or written."""
