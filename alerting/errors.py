"""Everything this package raises on purpose.

::

    AlertingError
      ConfigError (ValueError)     a configuration file, a variable or an argument; fix it and start again
      PayloadError (ValueError)    a webhook body that can never be read; answered with 4xx, not retried
      OutboxError                  state that cannot be read or written now; answered with 503, retried
        InstanceLockedError        another bridge is active on the same state directory
      RegistryError                a model registry that does not answer; tried again later
        RegistryRefusedError       one that answers and refuses, or has nothing such
      PortTakenError (OSError)     an address that another process listens on

Every message says where, what was found and what is needed. What a call to Slack brings is not here:
delivered, retry later, rejected and uncertain are all ordinary, so they are values (`slack.Outcome`) that a
caller must tell apart.
"""

from __future__ import annotations


class AlertingError(Exception):
    """Base of all errors raised by this package."""


class ConfigError(AlertingError, ValueError):
    """A configuration file, an environment variable or an argument that cannot be used."""


class PayloadError(AlertingError, ValueError):
    """A webhook body that cannot be read, now or later.

    Parameters
    ----------
    reason : str
        One of `payload.REFUSALS`, fit for a metric label.
    message : str
        What was found and what is needed.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class OutboxError(AlertingError):
    """State that cannot be read or written now; the trouble often passes."""


class InstanceLockedError(OutboxError):
    """Another bridge is active on the same state directory."""


class RegistryError(AlertingError):
    """A model registry that does not answer; the trouble often passes."""


class RegistryRefusedError(RegistryError):
    """A model registry that answers, and refuses or has nothing such."""


class PortTakenError(AlertingError, OSError):
    """A server address that is already in use."""
