"""Everything this package raises on purpose.

::

    ExporterError
      ConfigError (ValueError)            a configuration file or an argument; fix it and start again
      ReferenceDataError (ValueError)     a reference that is damaged, of another format, or of another model
      ObservationError (ValueError)       a table or outcome that cannot be read as one
      InsufficientDataError (ValueError)  too little data for the statistic; the state is then unknown
      StoreError                          a store that cannot be reached or has no room; often passes
      EngineError                         a cluster that could not finish a job; often passes
      StreamError                         brokers that cannot be reached or take nothing; often passes
      RegistryError                       a model registry that cannot be reached or refuses; often passes
      PortTakenError (OSError)            an address that another process listens on

Every message says where, what was found and what is needed.
"""

from __future__ import annotations


class ExporterError(Exception):
    """Base of all errors raised by this package."""


class ConfigError(ExporterError, ValueError):
    """A configuration file or an argument that cannot be used."""


class ReferenceDataError(ExporterError, ValueError):
    """A reference that cannot be built or used: damaged, of another format version, or of another model."""


class ObservationError(ExporterError, ValueError):
    """A table of rows or outcomes that cannot be read."""


class InsufficientDataError(ExporterError, ValueError):
    """Too little data for a statistic. Decisions turn it into the state unknown, never into a number."""


class StoreError(ExporterError):
    """A store that cannot be reached, or has no room."""


class EngineError(ExporterError):
    """A job on a cluster that failed for another reason than the data."""


class StreamError(ExporterError):
    """Brokers of a stream that cannot be reached, or take nothing."""


class RegistryError(ExporterError):
    """A model registry that cannot be reached, or refuses."""


class PortTakenError(ExporterError, OSError):
    """A server address that is already in use."""
