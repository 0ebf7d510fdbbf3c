"""The composition root: settings become a wired application. The only place that chooses concrete classes."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property
from pathlib import Path

from ivr.adapters.clock import SystemClock
from ivr.adapters.db.pool import open_pool
from ivr.adapters.db.records import RecordStore
from ivr.adapters.emergencies import EmergencyFile
from ivr.adapters.fallback_number import FallbackNumbers
from ivr.adapters.journal.lines import node_start
from ivr.adapters.keys import KeyRing
from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.adapters.prompts.rendering import Progress, render_all
from ivr.adapters.prompts.store import PromptStore
from ivr.adapters.recordings.safe import Safe
from ivr.adapters.runtime.asterisk import AsteriskServer
from ivr.adapters.runtime.asterisk_config import AsteriskInput
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.postgres import PostgresCluster, private_dsn
from ivr.adapters.runtime.process import drop_privileges, find_account
from ivr.adapters.runtime.secrets import Secrets, load_recordings_token, load_secrets
from ivr.adapters.runtime.supervisor import System, find_ports
from ivr.adapters.runtime.toolchain import get_asterisk, get_postgres
from ivr.adapters.runtime.workers import INGEST, Worker, controller_name, list_workers
from ivr.adapters.vault import KeyVault
from ivr.adapters.versions import VersionStore
from ivr.dialplan.compiler import Loaded, load_centres
from ivr.domain.centre import Centre
from ivr.domain.records import CallRecord
from ivr.domain.retention import Retention
from ivr.engine.emergencies import CentresInEmergency
from ivr.engine.fallback_messages import FallbackMessages
from ivr.errors import OperatorError
from ivr.handout import Handout
from ivr.kept_centres import KeptCentres
from ivr.publisher import Edition, Publisher
from ivr.purge import Purge
from ivr.settings import Settings, load_settings

LANGUAGES = ("ko", "en")
"""Languages that there are prompt texts for."""


@dataclass(frozen=True)
class Installation:
    """One installation: its settings and what follows from them. Nothing is made or started before it is asked for."""

    settings: Settings
    is_live: bool = False
    """Whose centres: False, those of the dialplan folder, for who starts the system; True, those that callers reach."""

    @classmethod
    def running(cls) -> Installation:
        """For commands that look at what runs: its ports are those it was started with, not those of our environment.

        As root, becomes the user that var/ belongs to. Raises OperatorError when there is no var/ yet.
        """
        settings = load_settings()
        if not settings.var.exists():
            raise OperatorError(f"nothing was ever started in {settings.var}: start it with `make up`")
        if (account := find_account(settings.user)) is not None:
            drop_privileges(account)
        ports = find_ports(settings.layout)
        return cls(settings if ports is None else settings.listening_at(ports), is_live=True)

    @property
    def layout(self) -> Layout:
        return self.settings.layout

    def become_owner(self) -> None:
        """Makes var/ and, as root, gives it to the unprivileged user and becomes that user for good."""
        account = find_account(self.settings.user)
        self.layout.create(account)
        if account is not None:
            drop_privileges(account)

    def check(self, folder: Path | None = None) -> Loaded:
        """Every centre under the dialplan folder (or another), against the prompt texts (rendered or not)."""
        return load_centres(folder or self.settings.dialplans, self._known_prompts())

    def _known_prompts(self) -> dict[str, frozenset[str]]:
        return {language: load_catalogue(self.settings.prompts, language).keys() for language in LANGUAGES}

    @cached_property
    def publisher(self) -> Publisher:
        """The dialplan folder and what was ever live of it."""
        store = VersionStore(self.layout.versions)
        return Publisher(dialplans=self.settings.dialplans, store=store, prompts=self._known_prompts)

    @cached_property
    def centres(self) -> tuple[Centre, ...]:
        """The checked centres. Raises AuthorError with every problem, one a line."""
        live = self.publisher.live() if self.is_live else {}
        return tuple((live or self.edition.centres).values())

    @cached_property
    def edition(self) -> Edition:
        """What a start makes live. Raises AuthorError with every problem, one a line."""
        return self.publisher.edition_at_start()

    def publish(self, note: str = "") -> None:
        """Makes the centres of this start live, for every process and until the next change."""
        self.publisher.keep(self.edition)
        self.publisher.make_live(self.edition, who=getpass.getuser(), note=note)
        load_secrets(self.layout)
        load_recordings_token(self.layout)
        self.prepare_keys()

    def prepare_keys(self) -> None:
        """Makes the keys of today and tomorrow, so that no call has to. Raises OperatorError, OSError."""
        for centre in self.centres:
            self.vault.prepare(centre.id)

    def render_prompts(self, progress: Progress, *, tidy: bool = True) -> PromptStore:
        """Brings the audio up to date with the texts; `tidy` removes what has no text any more."""
        cache = self._prompt_cache()
        return render_all(self.settings.prompts, self.layout.prompts, cache, LANGUAGES, progress, tidy=tidy)

    def _prompt_cache(self) -> Path:
        """Shared between installations where this user may write, else our own."""
        shared = self.settings.cache / "prompts"
        return shared if os.access(shared, os.W_OK) else self.layout.var / "cache" / "prompts"

    @cached_property
    def prompts(self) -> PromptStore:
        """What was rendered. Raises OperatorError when nothing was."""
        return PromptStore(self.layout.prompts)

    @cached_property
    def secrets(self) -> Secrets:
        return self.secrets_for(self.centres)

    def secrets_for(self, centres: Iterable[Centre]) -> Secrets:
        """With a password for every agent of these centres."""
        return load_secrets(self.layout, tuple(agent for centre in centres for agent in centre.agents))

    @cached_property
    def vault(self) -> KeyVault:
        return KeyVault.from_file(self.layout.seal_key, self.keys)

    @cached_property
    def keys(self) -> KeyRing:
        return KeyRing(secrets=self.layout.centre_keys, keys=self.layout.keys)

    @cached_property
    def safe(self) -> Safe:
        return Safe(self.layout.recordings, self.keys)

    @asynccontextmanager
    async def handout(self) -> AsyncIterator[Handout]:
        """The way out of the safe, with a connection of its own."""
        async with open_pool(self.dsn, max_size=1) as pool:
            yield Handout(self.safe, RecordStore(pool))

    def find_purge(self) -> Purge:
        """By what the centres promise now. Blocking: it compiles them."""
        terms = {
            centre.id: Retention(
                messages=centre.message_retention_days,
                talk=centre.talk_retention_days,
                calls=centre.call_retention_days,
            )
            for centre in self.centres
        }
        return Purge(safe=self.safe, ring=self.keys, journal=self.layout.journal, terms=terms)

    @cached_property
    def clock(self) -> SystemClock:
        return SystemClock(self.layout.clock)

    @cached_property
    def emergencies(self) -> EmergencyFile:
        return EmergencyFile(self.layout.emergencies)

    @cached_property
    def fallback_messages(self) -> FallbackMessages:
        """For ingest: what becomes of messages that the dialplan took alone."""
        return FallbackMessages(
            centres=CentresInEmergency(KeptCentres(self.publisher.store), self.emergencies),
            vault=self.vault,
            number=FallbackNumbers(load_secrets(self.layout).fallback_key).find_number,
            shift=lambda: self.clock.now() - datetime.now(UTC),
        )

    @cached_property
    def asterisk(self) -> AsteriskServer:
        return AsteriskServer(
            layout=self.layout,
            program=get_asterisk(self.settings.cache),
            source=self.settings.asterisk_config,
            node=self.settings.node,
            before_start=self._mark_start,
        )

    def _mark_start(self) -> None:
        """Tells the journal that Asterisk begins anew: whatever call was open died with the one before."""
        with open(os.open(self.layout.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as journal:
            journal.write(node_start(self.settings.node, datetime.now(UTC)))

    @cached_property
    def postgres(self) -> PostgresCluster | None:
        """The private cluster; None when the operator gave a database."""
        if self.settings.database_url is not None:
            return None
        return PostgresCluster(
            layout=self.layout,
            binaries=get_postgres(),
            ports=self.settings.listening,
            password=load_secrets(self.layout).postgres,
        )

    def zone_of(self, centre: str | None) -> tzinfo:
        """A centre's time zone; the first centre's for calls that reached none, or one that is not there any more."""
        zones = {one.id: one.calendars["centre"].timezone for one in self.centres}
        return zones.get(centre or "") or next(iter(zones.values()), UTC)

    def day_of(self, call: CallRecord) -> date:
        """On which day of its centre a call entered."""
        return call.entered_at.astimezone(self.zone_of(call.centre)).date()

    @property
    def dsn(self) -> str:
        """How to reach the database. It holds a password: never logged."""
        if self.settings.database_url is not None:
            return self.settings.database_url
        return private_dsn(self.settings.listening, load_secrets(self.layout).postgres)

    async def migrate(self, dsn: str) -> tuple[str, ...]:
        """Brings the schema up to date and ties the database to our sealing key; the names of what was applied.

        Raises PeerError when Postgres is not reachable, OperatorError when it is newer or sealed under another key.
        """
        from ivr.adapters.db.migrate import migrate  # its driver is needed by nobody else

        load_secrets(self.layout)
        applied = await asyncio.to_thread(migrate, dsn)
        async with open_pool(dsn, max_size=1) as pool:
            await RecordStore(pool).claim_key(self.vault.key_id)
        return applied

    @property
    def asterisk_input(self) -> AsteriskInput:
        """What Asterisk's configuration depends on."""
        return self.asterisk_input_for(self.centres, self.publisher.retiring())

    def asterisk_input_for(self, centres: tuple[Centre, ...], retiring: tuple[Centre, ...] = ()) -> AsteriskInput:
        """The same with these centres live and those versions going out of use."""
        return AsteriskInput(
            centres=centres,
            retiring=retiring,
            secrets=self.secrets_for((*centres, *retiring)),
            ports=self.settings.listening,
            layout=self.layout,
            trunk_addresses=self.settings.trunk_addresses,
            peers=self.settings.peers,
            outbound_trunk=self.settings.outbound_trunk,
            qualify_s=self.settings.qualify_s,
            max_calls=self.settings.max_calls,
            overload=self.settings.overload,
            local_calls=self.settings.local_calls,
        )

    def system(self, say: Callable[[str], None]) -> System:
        """What `ivr up` runs, with the centres of this start live."""
        self.publish()
        return System(
            layout=self.layout,
            given=self.asterisk_input,
            latest=lambda: Installation(self.settings, is_live=True).asterisk_input,
            asterisk=self.asterisk,
            postgres=self.postgres,
            dsn=self.dsn,
            migrate=self.migrate,
            workers=self.workers(),
            say=say,
        )

    def workers(self) -> tuple[Worker, ...]:
        """Processes of ours: the controllers and, last, ingest."""
        environment = self._worker_environment()
        names = [controller_name(number) for number in range(1, self.settings.controllers + 1)]
        commands = {**{name: ("controller", name) for name in names}, INGEST: ("ingest",)}
        return tuple(
            Worker(name, (sys.executable, "-m", "ivr", *words), layout=self.layout, env=environment)
            for name, words in commands.items()
        )

    def running_workers(self) -> tuple[Worker, ...]:
        """Those that the last start has, whatever our settings are: to look for and to end, not to start."""
        return tuple(Worker(name, (), layout=self.layout, env={}) for name in list_workers(self.layout))

    def _worker_environment(self) -> dict[str, str]:
        environment = self.settings.child_environment()
        if self.settings.database_url is not None:
            environment["DATABASE_URL"] = self.settings.database_url
        return environment
