"""The errors of the weights: each message is one sentence that a person can act on."""

import struct

from .words import LONGEST_SENTENCE, shown

# What damaged content makes of a reader's own code: every reader turns these into a sentence.
FAULTS = (
    *(ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, MemoryError, RuntimeError),
    *(struct.error, AssertionError, ZeroDivisionError),
)


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
