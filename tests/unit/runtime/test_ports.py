"""Free ports, and what is said of taken ones."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict

import pytest

from ivr.adapters.runtime.ports import RTP_BLOCK, find_free_ports, require_free
from ivr.errors import OperatorError


def test_free_ports_differ_and_can_be_bound() -> None:
    found = asdict(find_free_ports())
    single = [found[name] for name in ("sip", "agi", "ami", "http", "postgres")]
    assert len(set(single)) == 5
    assert not set(single) & set(range(found["rtp_first"], found["rtp_last"] + 1))
    assert found["rtp_last"] - found["rtp_first"] == RTP_BLOCK - 1
    assert found["rtp_first"] % 2 == 0
    for port in single:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_a_taken_port_is_named_with_its_owner_and_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(OperatorError) as caught:
            require_free(port, socket.SOCK_STREAM, bind="127.0.0.1", purpose="AMI", setting="IVR_AMI_PORT")
    said = str(caught.value)
    assert said.startswith(f"port {port}/tcp for AMI is taken by process {os.getpid()} (")
    assert "IVR_AMI_PORT" in said


def test_a_taken_udp_port_is_found_too() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        with pytest.raises(OperatorError, match=f"port {port}/udp for SIP"):
            require_free(port, socket.SOCK_DGRAM, bind="127.0.0.1", purpose="SIP", setting="IVR_SIP_PORT")


def test_a_free_port_passes() -> None:
    require_free(find_free_ports().ami, socket.SOCK_STREAM, bind="127.0.0.1", purpose="AMI", setting="IVR_AMI_PORT")
