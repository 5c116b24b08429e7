"""What can go wrong, and whose move it is.

Every error says where, what value, and what to do next. The command line turns a `GazalError` into one
line and exit status 2; anything else is a defect of ours and keeps its traceback.
"""


class GazalError(Exception):
    """Root of every error that a user can do something about."""


class DataError(GazalError, ValueError):
    """A file or record does not say what it should."""


class ConfigError(GazalError, ValueError):
    """A setting has a value that cannot work."""


class KnowledgeError(GazalError, ValueError):
    """The clinical knowledge contradicts itself or lacks something it refers to."""


class TrainingError(GazalError, RuntimeError):
    """Training cannot go on, or what is on disk does not belong to it."""


class EndpointError(GazalError, RuntimeError):
    """A service over the network serves no more."""


class Paused(GazalError, RuntimeError):
    """An alarm stopped training as its recipe asks for: exit status 3, and the same command goes on."""
