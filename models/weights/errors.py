"""The errors of the weights: each message is one sentence that a person can act on."""


class WeightsError(Exception):
    """Something about a file of weights, or the catalogue of them, is not as it should be."""


class CheckpointError(WeightsError):
    """A file on disk is not a checkpoint that can be read, or not the one that was published."""


class DownloadError(WeightsError):
    """A published file could not be fetched."""


class OfflineError(DownloadError):
    """A published file is not on disk and downloads are switched off."""
