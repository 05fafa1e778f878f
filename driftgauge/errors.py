"""Everything the demo and the command line raise on purpose.

::

    DriftgaugeError
      DemoError                          what follows
        FlightDataError (ValueError)     the flights data are missing, damaged or lack a column
        PartError                        a part of the demo cannot start, or died
        PortError (OSError)              a port that another program uses, or that two parts were given
      ExplorerError                      the explorer cannot start
        SourceError                      one of the programs that it asks has no usable answer
      DashboardsError                    dashboards that cannot be built or checked here
      RulesError (ValueError)            what rules are generated from is not usable

Every message says where, what was found and what is needed.
"""

from __future__ import annotations


class DriftgaugeError(Exception):
    """Base of all errors raised by this package."""


class DemoError(DriftgaugeError):
    """The demo cannot start or go on."""


class ExplorerError(DriftgaugeError):
    """The drift explorer cannot start."""


class SourceError(ExplorerError):
    """A program that the explorer asks has no usable answer; the message is shown in the page."""


class DashboardsError(DriftgaugeError):
    """The dashboards cannot be built or checked."""


class RulesError(DriftgaugeError, ValueError):
    """The rules cannot be generated from what was given."""


class FlightDataError(DemoError, ValueError):
    """The demo's data cannot be used."""


class PartError(DemoError):
    """A part of the demo cannot start, or ended by itself."""


class PortError(DemoError, OSError):
    """A port cannot be listened on."""
