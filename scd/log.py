"""The log in the form of GnuPG's: to the standard error, or to a file with date and time.

The lines come through the standard logging module; what they say is up to the rooms that log.
"""

from __future__ import annotations

import logging

from scd.config import Config

#: The loggers of this project.  Libraries keep to warnings even when debugging: nobody here
#: vouches for what else they would log.
_OURS = ("assuan", "backends", "scd")

_STDERR_FORMAT = "anyscd[%(process)d]: %(message)s"
_FILE_FORMAT = "%(asctime)s anyscd[%(process)d] %(message)s"
_DATE_FORMAT = "%Y-%m-%d %H:%M:%S"

#: Beginnings of log-file values that name a server for log lines (watchgnupg) and no file.
_SERVERS = ("socket://", "tcp://")

_log = logging.getLogger(__name__)


class _Formatter(logging.Formatter):
    """GnuPG marks debug output with DBG: and nothing else with its level."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        if record.levelno <= logging.DEBUG:
            record.message = f"DBG: {record.message}"
        return super().formatMessage(record)


class _LogFile(logging.FileHandler):
    """Appends to a file, and opens it anew for the next line after it was closed."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:
            # The file can't be opened again.  A log that is lost must not cost a signature.
            self.handleError(record)


def install(config: Config) -> None:
    """Let everything that logs write where the configuration says.

    A file that cannot be opened is no reason to stop: the lines then go to the standard error.
    """
    # Else a line that can't be written makes logging print it with its arguments and a traceback.
    logging.raiseExceptions = False
    handler, complaint = _handler(config.log_file)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    for name in _OURS:
        logging.getLogger(name).setLevel(_level(config))
    if complaint:
        _log.warning("%s", complaint)


def reopen() -> None:
    """Let go of the log file, which may have been renamed; the next line opens it anew."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _LogFile):
            handler.close()


def _level(config: Config) -> int:
    if config.debug:
        return logging.DEBUG
    if config.quiet:
        return logging.ERROR
    return logging.INFO if config.verbose else logging.WARNING


def _handler(log_file: str | None) -> tuple[logging.Handler, str]:
    """The handler, and why it is not the one that was asked for."""
    complaint = ""
    if log_file and log_file.startswith(_SERVERS):
        complaint = f"log-file {log_file}: only files are served"
    elif log_file and log_file != "-":
        try:
            file = _LogFile(log_file, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            complaint = f"log-file {log_file}: {error.strerror}"
        else:
            file.setFormatter(_Formatter(_FILE_FORMAT, _DATE_FORMAT))
            return file, ""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(_STDERR_FORMAT))
    return handler, complaint
