"""Settings of the process, from environment variables: typed, documented field by field, refused at once when wrong.

Only the composition root and the command line read them; everything else gets plain arguments.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.ports import Ports, find_free_ports
from ivr.adapters.runtime.toolchain import TREE
from ivr.errors import OperatorError

CHECKOUT = Path(__file__).resolve().parent.parent
SYSTEM_CACHE = Path("/var/cache/ivr")

Port = Annotated[int, Field(ge=1024, le=65535)]
PORT_FIELDS = {
    "sip": "sip_port",
    "agi": "agi_port",
    "ami": "ami_port",
    "http": "http_port",
    "postgres": "postgres_port",
    "rtp_first": "rtp_first",
    "rtp_last": "rtp_last",
}
"""Port -> the field that sets it."""


def _default_cache() -> Path:
    """Where scripts/setup.sh puts what it unpacks: one place for root and whom it starts, one for everybody else."""
    if os.geteuid() == 0 or (SYSTEM_CACHE / TREE).is_dir():
        return SYSTEM_CACHE
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ivr"


class Settings(BaseSettings):
    """Each field is the environment variable IVR_<FIELD>; `database_url` is DATABASE_URL."""

    model_config = SettingsConfigDict(env_prefix="IVR_", env_ignore_empty=True, extra="ignore", frozen=True)

    var: Path = CHECKOUT / "var"
    """Everything that changes at run time."""
    dialplans: Path = CHECKOUT / "dialplans"
    """One folder a centre."""
    prompts: Path = CHECKOUT / "prompts"
    """Texts and recordings of the prompts."""
    asterisk_config: Path = CHECKOUT / "asterisk-config"
    cache: Path = Field(default_factory=_default_cache)
    """What was downloaded or unpacked once."""
    user: str = "ivr"
    """Whom root becomes before anything is started."""
    node: Annotated[str, Field(pattern=r"^[a-z0-9]{1,16}$")] = "n1"
    """Prefix of call ids: must differ between nodes that share a database."""
    bind: Annotated[str, Field(pattern=r"^\d{1,3}(\.\d{1,3}){3}$")] = "127.0.0.1"
    """The address that every server listens on."""
    trunk_addresses: tuple[str, ...] = ("127.0.0.1",)
    """Whose SIP calls are the public's; in the environment a JSON list."""
    internal_addresses: tuple[str, ...] = ()
    """Further machines of ours that may reach FastAGI, AMI and HTTP, which matters with a wider `bind`; a JSON list."""
    outbound_trunk: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$")] | None = None
    """host or host:port of the SIP trunk for calls going out (transfers to numbers); None: there is none."""
    qualify_s: Annotated[int, Field(ge=0, le=3600)] = 30
    """Seconds between two looks whether an agent's phone is there; 0: never."""
    local_calls: Annotated[int, Field(ge=0, le=1000)] = 40
    """Calls served at once without a controller, a process each; whoever comes then leaves a message."""
    controllers: Annotated[int, Field(ge=1, le=32)] = 2
    """Controllers that `ivr up` runs: any one takes any call."""
    memory_limit_mb: Annotated[int, Field(ge=0)] = 1024
    """Resident memory, in MB, at which a controller or ingest is ended and started again; 0: never."""
    max_calls: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Callers at once; 0: no limit."""
    overload: Literal["message", "busy"] = "message"
    """What one caller too many gets: a spoken message, or 503 before the call is answered."""
    ports: Literal["set", "free"] = "set"
    """`free`: ports nobody uses, found at each start, for tests and trials beside a running system."""
    sip_port: Port = 5060
    agi_port: Port = 4573
    ami_port: Port = 5038
    http_port: Port = 8120
    postgres_port: Port = 5532
    rtp_first: Port = 20000
    rtp_last: Port = 29999
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL", repr=False)
    """A Postgres of the operator's instead of the private one. It may hold a password: never shown."""
    purge_hours: Annotated[int, Field(ge=0, le=168)] = 24
    """Hours between two looks at what is past its time, which is destroyed; 0: only by `ivr purge`."""
    watch: bool = False
    """A change of the dialplan folder or of prompt texts makes it live, as `ivr reload` would."""
    at: str | None = None
    """Business time at the start of a trial, such as `2026-11-23 10:00`; the command line option is `--at`."""

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.rtp_last - self.rtp_first < 10:
            raise ValueError("IVR_RTP_LAST must be at least 10 above IVR_RTP_FIRST")
        tcp = [self.agi_port, self.ami_port, self.http_port, self.postgres_port]
        if len(set(tcp)) < len(tcp):
            raise ValueError("IVR_AGI_PORT, IVR_AMI_PORT, IVR_HTTP_PORT and IVR_POSTGRES_PORT must differ")
        if self.rtp_first <= self.sip_port <= self.rtp_last:
            raise ValueError("IVR_SIP_PORT must not be among the RTP ports")
        return self

    @property
    def layout(self) -> Layout:
        return Layout(var=self.var.absolute())

    @property
    def peers(self) -> tuple[str, ...]:
        """Addresses that may reach what is internal: this machine's, and those of our other machines."""
        return tuple(dict.fromkeys(("127.0.0.1", self.bind, *self.internal_addresses)))

    @property
    def listening(self) -> Ports:
        """Where everything listens."""
        return Ports(bind=self.bind, **{port: getattr(self, name) for port, name in PORT_FIELDS.items()})

    def listening_at(self, ports: Ports) -> Settings:
        """The same with these ports."""
        return self.model_copy(update={name: getattr(ports, port) for port, name in PORT_FIELDS.items()})

    def child_environment(self) -> dict[str, str]:
        """For a process of ours that must see just these settings, free ports included."""
        values = {
            f"IVR_{name.upper()}": str(getattr(self, name))
            for name in (
                "var",
                "dialplans",
                "prompts",
                "asterisk_config",
                "cache",
                "user",
                "node",
                "bind",
                "qualify_s",
                "local_calls",
                "controllers",
                "purge_hours",
                "memory_limit_mb",
                "max_calls",
                "overload",
                "watch",
                *PORT_FIELDS.values(),
            )
        }
        return {
            **values,
            "IVR_TRUNK_ADDRESSES": json.dumps(self.trunk_addresses),
            "IVR_INTERNAL_ADDRESSES": json.dumps(self.internal_addresses),
            "IVR_OUTBOUND_TRUNK": self.outbound_trunk or "",
            "IVR_PORTS": "set",
        }


def load_settings(**given: Any) -> Settings:
    """Settings from the environment; `given` fields win over it. Free ports are found here, once.

    Raises OperatorError with one line that names every wrong variable.
    """
    try:
        settings = Settings(**given)
        if settings.ports == "free":
            free = find_free_ports(settings.bind)
            found = {name: getattr(free, port) for port, name in PORT_FIELDS.items()}
            settings = Settings(**{**given, **found, "ports": "set"})
        return settings
    except ValidationError as error:
        raise OperatorError("; ".join(_explained(problem) for problem in error.errors(include_url=False))) from error


def _explained(problem: Any) -> str:
    """`IVR_SIP_PORT: …` without the value, which may be a secret."""
    if not problem["loc"]:
        return str(problem["msg"]).removeprefix("Value error, ")
    name = str(problem["loc"][0])
    return f"{name if name == 'DATABASE_URL' else f'IVR_{name.upper()}'}: {problem['msg']}"
