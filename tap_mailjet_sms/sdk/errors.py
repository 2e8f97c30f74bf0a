"""How a run ends: an exit code, and a mistake in the settings as the SDK knows it."""

from __future__ import annotations

from singer_sdk.exceptions import ConfigValidationError

from tap_mailjet_sms.exceptions import (
    ExitCode,
    InvalidSettingError,
)


class ConfigError(InvalidSettingError, ConfigValidationError):
    """The SDK knows it as a mistake in the settings, too: whoever calls the tap may catch that."""

    def __init__(self, errors: list[str]) -> None:
        """Take a sentence for each mistake."""
        InvalidSettingError.__init__(self, errors)
        self.schema = None


class FailedExit(SystemExit):
    """The end of a run that failed, when all has been said of it."""

    def __init__(self, code: ExitCode) -> None:
        """End with this code."""
        super().__init__(code.value)
