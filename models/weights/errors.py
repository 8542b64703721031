"""The errors of the weights: each message is one sentence that a person can act on."""

from .words import LONGEST_SENTENCE, shown


class WeightsError(Exception):
    """Something about a file of weights, or the catalogue of them, is not as it should be.

    Names and texts out of files and from servers end up in the message: it is put on one line that can be printed.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(shown(message, LONGEST_SENTENCE))


class CheckpointError(WeightsError):
    """A file on disk is not a checkpoint that can be read, or not the one that was published."""


class DownloadError(WeightsError):
    """A published file could not be fetched."""


class OfflineError(DownloadError):
    """A published file is not on disk and downloads are switched off."""
