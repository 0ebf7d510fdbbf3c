"""Queues, agents and the words for them: what centre.yaml says within itself."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.dialplan.audio import KnownPrompts
from ivr.dialplan.document import Document, Path
from ivr.dialplan.outbound import price_of
from ivr.dialplan.raw_centre import RawCentre
from ivr.dialplan.values import meant
from ivr.domain.centre import Agent, Outbound, Queue, TransferNumber


def queues(centre_id: str, raw: RawCentre) -> dict[str, Queue]:
    return {
        name: Queue(
            name=name,
            asterisk_name=f"{centre_id}-{name}",
            label=queue.label,
            timeout_s=queue.timeout,
            strategy=queue.strategy,
            ring_s=queue.ring,
            retry_s=queue.retry,
            wrap_up_s=queue.wrap_up,
            escalate_after_s=queue.escalate_after,
            announce_every_s=queue.announce.every,
            announce_position=queue.announce.position,
            announce_wait=queue.announce.wait,
            record_talk=queue.record_talk,
            music=queue.music,
        )
        for name, queue in raw.queues.items()
    }


def agents(raw: RawCentre) -> dict[str, Agent]:
    return {
        number: Agent(id=number, name=agent.name, queues=agent.queues, language=agent.language)
        for number, agent in raw.agents.items()
    }


def transfers(raw: RawCentre) -> dict[str, TransferNumber]:
    rates = raw.outbound.rates if raw.outbound is not None else {}
    return {
        name: TransferNumber(number=to.number, label=to.label, price=price_of(to.number, raw.country, rates))
        for name, to in raw.transfers.items()
    }


def outbound(raw: RawCentre) -> Outbound:
    given = raw.outbound
    return Outbound() if given is None else Outbound(calls=given.calls, spend=given.spend, minutes=given.minutes)


def check_people(raw: RawCentre, document: Document) -> None:
    """Agents serve queues that exist, in a language of the centre, and every queue has somebody."""
    for number, agent in raw.agents.items():
        path: Path = ("agents", number)
        for queue in agent.queues:
            if queue not in raw.queues:
                document.key_problem((*path, "queues", queue), "unknown_queue", **meant(queue, raw.queues))
        if agent.language not in raw.languages:
            document.problem((*path, "language"), "unknown_language", **meant(agent.language, raw.languages))
    for queue in raw.queues:
        if not any(queue in agent.queues for agent in raw.agents.values()):
            document.key_problem(("queues", queue), "queue_without_agents", name=queue)


def check_words(raw: RawCentre, document: Document) -> None:
    """What people read is there in every language of the centre, and in no other."""
    labelled: dict[Path, Mapping[str, str]] = {("title",): raw.title}
    labelled |= {("queues", name, "label"): queue.label for name, queue in raw.queues.items()}
    labelled |= {("transfers", name, "label"): to.label for name, to in raw.transfers.items()}
    labelled |= {("categories", name): words for name, words in raw.categories.items()}
    for path, words in labelled.items():
        for language in raw.languages:
            if language not in words:
                document.key_problem(path, "missing_translation", language=language)
        for language in words:
            if language not in raw.languages:
                document.key_problem((*path, language), "unknown_language", **meant(language, raw.languages))


def check_languages(raw: RawCentre, known: KnownPrompts, document: Document) -> None:
    """Every language of the centre has prompts, and is listed once."""
    for index, language in enumerate(raw.languages):
        if language in raw.languages[:index]:
            document.problem(("languages", index), "listed_twice", name=language)
        elif language not in known:
            document.problem(("languages", index), "language_without_prompts", language=language)
    for index, number in enumerate(raw.numbers):
        if number in raw.numbers[:index]:
            document.problem(("numbers", index), "listed_twice", name=number)
