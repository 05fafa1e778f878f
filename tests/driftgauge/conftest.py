"""Hand-made data, fakes and free ports for the tests of the demo."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path

import pytest

FLIGHTS = """\
year,month,day,dep_time,dep_delay,arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour
2013,4,1,900,30,31,AA,1,N2,JFK,MIA,150,1089,8,30,2013-04-01T12:00:00Z
2013,1,1,520,5,30,UA,2,N1,EWR,IAH,200,1400,5,15,2013-01-01T10:00:00Z
2013,4,1,NA,NA,NA,B6,3,NA,JFK,BOS,NA,187,9,0,2013-04-01T13:00:00Z
2013,4,2,600,0,NA,B6,4,N9,LGA,BOS,NA,184,6,0,2013-04-02T10:00:00Z
"""
"""Out of order on purpose. One late, one 30 minutes behind (not late), one cancelled, one diverted."""

WEATHER = """\
origin,temp,dewp,humid,wind_speed,precip,pressure,visib,time_hour
EWR,39.5,26.1,59.4,10.4,0,1012,10,2013-01-01T10:00:00Z
JFK,50,40,70,8,0.1,NA,5,2013-04-01T12:00:00Z
"""

PLANES = """\
tailnum,year,seats
N1,1999,149
N2,NA,200
"""


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """A folder with small tables in the shape of the package's data files."""
    with zipfile.ZipFile(tmp_path / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", FLIGHTS)
    (tmp_path / "weather.csv").write_text(WEATHER)
    (tmp_path / "planes.csv").write_text(PLANES)
    return tmp_path


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
