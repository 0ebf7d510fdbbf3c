"""Examples for the reference. Together they are one centre that compiles: a test sees to that."""

from __future__ import annotations

from collections.abc import Mapping

CENTRE = """
title: {ko: 시청 민원 전화, en: City hall}
numbers: ["0212345678"]
timezone: Asia/Seoul
country: KR
languages: [ko, en]
hours:
  mon-fri: ["09:00-12:00", "13:00-18:00"]
  sat: "09:00-12:00"
holidays: KR
exceptions:
  - {date: 2026-12-31, name: Year's end, hours: "09:00-15:00"}
calendars:
  night: {hours: {mon-sun: "18:00-24:00"}, holidays: off}
queues:
  general:
    label: {ko: 일반 상담, en: General}
    timeout: 5m
    escalate_after: 30s
    record_talk: yes
    announce: {every: 45s}
agents:
  1001: {name: 김민지, language: ko, queues: {general: 1}}
  2001: {name: 최현우, language: ko, queues: {general: 2}}
categories:
  taxes: {ko: 세금, en: Taxes}
transfers:
  head_office: {number: "0298765432", label: {ko: 본청, en: Head office}}
outbound:
  rates: {fixed: 39, mobile: 90, "1588": 110}
  calls: 5
  spend: 50000
  minutes: 30
limits: {steps: 300, minutes: 60, prompt: 60s, menus: 4}
retention: {messages: 90d, talk: 30d}
legal_basis:
  number: consent of the caller
  birth_date: {reason: consent of the caller}
"""

FLOW = """
start: greeting
apology: apology
defaults: {tries: 3, wait: 5s, on_invalid: not_understood, on_silence: nothing_heard, on_failure: goodbye}
nodes:
  greeting: {play: greeting, next: goodbye}
  goodbye: {end: goodbye}
"""

SUBFLOW = """
nodes:
  start_here: {flow: ask_for, with: {what: number, digits: 8-11}, next: goodbye, gave_up: goodbye}
  goodbye: {end: goodbye}
flows:
  ask_for:
    parameters: [what, digits]
    exits: [next, gave_up]
    start: question
    nodes:
      question:
        collect: ask_<what>
        digits: <digits>
        personal: yes
        into: <what>
        next: <next>
        on_failure: <gave_up>
"""

NODES: Mapping[str, str] = {
    "play": """
        notice:
          play: recording_notice
          interruptible: no
          next: main_menu
    """,
    "menu": """
        main_menu:
          menu: main_menu
          choices:
            1: {category: taxes, next: waiting, say: {ko: [세금], en: [taxes]}}
            2: {set: {topic: permits}, next: waiting}
            9: main_menu
            "*": goodbye
          on_failure: waiting
    """,
    "collect": """
        ask_birth_date:
          collect: ask_birth_date
          digits: 6
          check: birth_date
          personal: yes
          into: birth_date
          read_back: [birth_date_is, {date: birth_date}, confirm_1_2]
          next: main_menu
    """,
    "survey": """
        satisfaction:
          survey: how_was_it
          scale: 1-5
          metric: csat
          of: agent
          next: goodbye
    """,
    "set": """
        remember:
          set: {topic: taxes}
          category: taxes
          next: main_menu
    """,
    "hours": """
        opening_hours:
          hours: centre
          open: main_menu
          closed: leave_message
    """,
    "choose": """
        by_language:
          choose: language
          cases: {ko: main_menu, en: waiting}
    """,
    "choose if": """
        by_condition:
          choose:
            - {if: {caller: "02*"}, next: main_menu}
            - {if: {date: {from: 2026-12-01, to: 2026-12-24, days: mon-fri}}, next: waiting}
            - {if: {language: en, share: 30%}, next: waiting}
          otherwise: main_menu
    """,
    "lookup": """
        find_case:
          lookup: https://cases.example.org/v1/case
          method: POST
          body: {number: $number}
          secrets: {Authorization: IVR_LOOKUP_CASES}
          personal: yes
          within: 3s
          take: {state: case.state}
          found: main_menu
          not_found: waiting
          error: waiting
    """,
    "transfer": """
        to_head_office:
          transfer: head_office
          ring: 30s
          busy: waiting
          no_answer: waiting
          failed: waiting
    """,
    "queue": """
        waiting:
          queue: general
          keys: {1: call_back}
          no_agents: leave_message
          timeout: leave_message
          after: satisfaction
    """,
    "message": """
        leave_message:
          message: ask_message
          review: [message_review_before, {playback: message}, message_review_menu]
          max: 2m
          data: [number]
          next: call_back
          cancelled: goodbye
    """,
    "callback": """
        call_back:
          callback: number
          calendar: centre
          next: goodbye
    """,
    "end": """
        goodbye:
          end: goodbye
          outcome: self_served
    """,
    "flow": """
        ask_number:
          flow: ask_for
          with: {what: number, digits: 8-11}
          next: main_menu
          gave_up: goodbye
    """,
}
"""Kind -> a node of it; `choose if` is the long form of `choose`."""

SCENARIOS = """
given: {at: 2026-11-24 10:00, caller: "01012345678"}
calls:
  waits_for_an_agent:
    about: A caller who presses 1 waits in the queue
    does: [1, 1, queue:TIMEOUT, hangup]
    must: {path: [..., waiting, ...], queue: general}
    must_not: {outcome: failed}
"""
