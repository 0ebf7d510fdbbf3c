"""What each kind of problem is called in English, and what to do about it."""

TEXTS: dict[str, tuple[str, str]] = {
    # the file
    "missing_file": ("there is no {name}", "A centre's folder holds centre.yaml and flow.yaml, named exactly so"),
    "unreadable_file": ("{name} cannot be read ({reason})", "It must be a file that the service's user may read"),
    "file_too_large": ("the file is larger than {limit}", "Is it really a dialplan? Split it into two centres if so"),
    "encoding": ("this is not UTF-8 text", "Save the file as UTF-8"),
    "empty_file": ("the file is empty", "Compare it with the same file of another centre"),
    "not_a_mapping_file": ("the file is not made of `key: value` lines", "Compare it with that of another centre"),
    "bad_folder": (
        "a centre's folder cannot be called '{name}'",
        "Use at most 32 of a-z, 0-9 and _, such as 120 or city_hall",
    ),
    "too_many_problems": ("this file has {limit} mistakes or more", "Mend some of those below first"),
    # YAML
    "tab": ("a tab character", "Use spaces"),
    "syntax": (
        "this is not valid YAML ({reason})",
        "Look for a missing quote, colon, comma or wrong indentation nearby",
    ),
    "open_quote": ("a quote is opened here and never closed", "Add the closing quote"),
    "star_key": ("* has a meaning of its own in YAML", 'Put quotes around the key: "*":'),
    "hash_key": (
        "YAML takes this line for a comment",
        'For the key # write "#": with quotes; for a comment leave out the :',
    ),
    "duplicate_key": ("'{key}' is here a second time (first in line {line})", "Remove or rename one of them"),
    "key_not_text": ("a key must be a plain word", "Put quotes around it if {{ or [ belongs to it"),
    "alias": ("& and * shortcuts are not allowed (here '{name}')", "Write the value out, or put quotes around it"),
    "merge_key": ("<< is not allowed", "Write the keys out"),
    "tag": ("tags are not allowed (here '{tag}')", "Remove it; put quotes around a text that begins with !"),
    "several_documents": ("a second document begins here", "Remove the --- line"),
    "too_deep": ("nested deeper than {limit} levels", "Look for a bracket that is never closed"),
    "control_character": ("an invisible control character", "Delete it and type the text again"),
    # shape
    "unknown_key": ("'{name}' has no meaning here", "Did you mean: {nearest}"),
    "missing_key": ("'{name}' is missing", "Add it"),
    "empty_value": ("there is nothing here", "Write a value or remove the key"),
    "not_text": ("a single value belongs here", "Write one word or text, without lists or further keys"),
    "not_list": ("a list belongs here", "Write [one, two], or one `- ` line each"),
    "not_mapping": ("`key: value` lines belong here", "Indent them under this key"),
    "several_lines": ("this text has several lines", "Write it on one line"),
    "bad_name": ("'{name}' cannot be a name", "Use a-z, 0-9 and _, beginning with a letter, such as main_menu"),
    "bad_language": ("'{name}' is not a language code", "Use one such as ko or en"),
    "bad_agent": ("'{name}' cannot be an agent's number", "Use 2 to 16 of a-z and 0-9, such as 1001"),
    "bad_boolean": ("'{value}' is neither yes nor no", "Write yes or no"),
    "not_a_number": ("'{value}' is not a whole number", "Write one from {lowest} to {highest}"),
    "number_range": ("{value} is out of range", "Write a number from {lowest} to {highest}"),
    "bad_duration": (
        "'{value}' is not a length of time that can be used here",
        "Write it with its unit, such as {example}",
    ),
    "duration_range": ("{value} is out of range", "Write something from {lowest} to {highest}"),
    "not_one_of": ("'{name}' is not one of the choices", "Did you mean: {nearest}"),
    "bad_dialled_number": ("'{value}' is not a number that can be dialled", "Write 2 to 15 digits without spaces"),
    "unknown_timezone": ("there is no time zone '{name}'", "Did you mean: {nearest}"),
    "unknown_country": (
        "no public holidays are known for '{name}'",
        "Use a two-letter country code such as KR; for no holidays write `holidays: off`",
    ),
    # hours
    "bad_days": ("'{value}' is not a day", "Write mon-fri, sat, or mon,wed,fri"),
    "bad_hours": ("'{value}' is not a stretch of hours", 'Write "09:00-18:00", a list of such, or closed'),
    "bad_date": ("'{value}' is not a date", "Write year-month-day, such as 2026-12-24"),
    "hours_inverted": (
        "{value} ends before it begins",
        'Over midnight write two: "22:00-24:00" here and "00:00-06:00" on the next day',
    ),
    "hours_overlap": ("{first} and {second} overlap", "Make one of them"),
    "day_twice": ("{day} has hours already", "Name each day once"),
    "date_twice": ("{date} is listed already", "Name each date once"),
    "hours_skipped": (
        "the clocks are set forward over {value} on {date}",
        "Choose hours that come that day",
    ),
    "never_open": ("this calendar is never open", "Give at least one day hours"),
    "calendar_name_taken": ("'{name}' is the calendar at the top of this file", "Choose another name"),
    # centre
    "missing_translation": ("no text in language '{language}'", "Add `{language}: …`"),
    "unknown_language": ("this centre does not speak '{name}'", "Did you mean: {nearest}"),
    "language_without_prompts": (
        "there are no prompts in '{language}'",
        "Add prompts/{language}.yaml or remove the language",
    ),
    "unspoken_language": ("numbers and dates cannot be spoken in '{language}'", "They can in: {spoken}"),
    "listed_twice": ("'{name}' is listed twice", "Remove one"),
    "unknown_queue": ("there is no queue '{name}'", "Did you mean: {nearest}"),
    "queue_without_agents": ("no agent serves the queue '{name}'", "Add it to the queues of an agent"),
    "number_taken": ("the number {number} is answered by centre '{other}' already", "Remove it from one of them"),
    "agent_taken": ("agent {name} is in centre '{other}' already", "Give this one another number"),
    "missing_retention": (
        "personal data is recorded, but not how long it is kept ({what})",
        "Add under retention: `{what}: 90d`",
    ),
    # flow
    "node_without_kind": ("the node '{node}' does not say what it is", "Add one of: {kinds}"),
    "node_of_two_kinds": ("a node cannot be both '{first}' and '{second}'", "Make two nodes of it"),
    "bad_menu_key": ("'{value}' is not a key of a telephone", 'Use 0 to 9, "*" or "#"'),
    "bad_prompt": (
        "this is not a prompt",
        "Write a prompt key, key@language, {{datetime: variable}} or {{playback: message}}",
    ),
    "bad_digits": ("'{value}' is not a count of digits", "Write 6 or 8-11"),
    "digits_inverted": ("{value} ends before it begins", "Write the smaller number first"),
    "unknown_node": ("there is no node '{name}'", "Did you mean: {nearest}"),
    "unknown_category": ("there is no category '{name}'", "Did you mean: {nearest}"),
    "unknown_calendar": ("there is no calendar '{name}'", "Did you mean: {nearest}"),
    "unknown_caller_case": ("a caller's number is never '{name}'", "Did you mean: {nearest}"),
    "unknown_check": ("there is no check '{name}'", "Did you mean: {nearest}"),
    "unknown_variable": ("nothing sets '{name}'", "Did you mean: {nearest}"),
    "variable_unset": (
        "'{name}' may not be set here",
        "Some way to this node does not set it: collect it before, or branch with `choose`",
    ),
    "given_variable": ("'{name}' is set by the engine", "Choose another name"),
    "wrong_saying": (
        "'{name}' cannot be said as {how}",
        "Say opens_at and callback_due as datetime, date or time, and what was typed as digits or number",
    ),
    "nothing_recorded": (
        "nothing may be recorded yet here",
        "Play the message back in its `review`, or after it was kept",
    ),
    "missing_otherwise": (
        "the cases do not name everything that '{variable}' can be",
        "Add `otherwise:` with the node for the rest",
    ),
    "missing_on_failure": (
        "nothing says what follows when the tries are used up",
        "Add `on_failure:` here or under `defaults:`",
    ),
    "same_keys": ("keep, again and cancel need three different keys", "Change one"),
    "check_digits": ("the check '{check}' needs {wanted} digits", "Write `digits: {wanted}`"),
    "resident_number": (
        "thirteen digits may be a resident registration number, which may only be asked where a statute names it",
        "Ask for the birth date (six digits), or add to centre.yaml under legal_basis: `{variable}: {{statute: …}}`",
    ),
    "missing_legal_basis": (
        "'{variable}' is personal data that is asked without a legal basis",
        "Add to centre.yaml under legal_basis: `{variable}: …` with the reason or the article",
    ),
    "unused_legal_basis": ("no node asks for '{name}' as personal data", "Did you mean: {nearest}"),
    "personal_unmarked": ("'{variable}' is personal data", "Add `personal: yes`, so that it is encrypted"),
    "unreachable_node": ("nothing leads to the node '{node}'", "Remove it, or name it as a target"),
    "no_way_out": ("from '{node}' no way leads to an end", "Let one of its targets lead to an `end` node"),
    "idle_loop": ("a caller who does nothing goes round for ever: {nodes}", "Let one of these nodes lead out"),
    # ease
    "bad_choice_key": ("'{value}' is not a key of a telephone", 'Use "*", "#" or one to four digits'),
    "ambiguous_key": ("'{short}' is the beginning of '{key}'", "Give each choice a key that no other begins with"),
    "menu_too_deep": (
        "'{node}' is the menu number {depth} on end that a caller has to choose in",
        "Join or shorten menus so that there are at most {limit}, or raise `limits: {{menus: …}}` in centre.yaml",
    ),
    "prompt_too_long": (
        "this takes {seconds} s to listen to ({language})",
        "Say it in less than {limit} s, or raise `limits: {{prompt: …}}` in centre.yaml",
    ),
    # sub-flows
    "unknown_flow": ("there is no sub-flow '{name}'", "Did you mean: {nearest}"),
    "recursive_flow": ("a sub-flow cannot contain itself: {flows}", "Lead back to a node instead"),
    "flows_too_deep": ("more than {limit} sub-flows within one another", "Put some of them side by side"),
    "too_many_nodes": ("the flow has more than {limit} nodes with its sub-flows", "Split it into two centres"),
    "unused_flow": ("nothing uses the sub-flow '{name}'", "Remove it, or add a node with `flow: {name}`"),
    "unknown_parameter": ("the sub-flow has no parameter '{name}'", "Did you mean: {nearest}"),
    "missing_parameter": ("the parameter '{name}' of '{flow}' is missing", "Add under `with:`: `{name}: …`"),
    "unknown_exit": ("the sub-flow has no exit '{name}'", "Did you mean: {nearest}"),
    "missing_exit": (
        "the exit '{name}' of '{flow}' leads nowhere",
        "Add `{name}:` with a node",
    ),
    "unknown_placeholder": ("<{name}> is neither a parameter nor an exit", "Did you mean: {nearest}"),
    "unused_placeholder": ("nothing in the sub-flow uses <{name}>", "Remove it here, or use it in a node"),
    "placeholder_within_text": (
        "<{name}> stands within a text or a key here, and a list or mapping was given for it",
        "Give one word for it",
    ),
    "node_inside_flow": ("'{name}' is inside a sub-flow", "Lead to its beginning: {call}"),
    # conditions
    "bad_share": (
        "'{value}' is not a share of callers",
        "Write it as 30% or 0.5%, more than nothing and less than all",
    ),
    "shares_over": ("the shares up to here are more than 100 %", "Make them smaller; `otherwise` takes the rest"),
    "bad_caller_pattern": (
        "'{value}' is no pattern of a caller's number",
        'Write "02*", "010????0000", known or unknown: digits, ? for any one, * at the end for any rest',
    ),
    "empty_condition": (
        "there is no condition here",
        "Write one of caller, language, category, variable, date, share",
    ),
    "case_never_taken": (
        "nobody comes to this case: case {earlier} above it takes them all",
        "Put the narrower case first, or remove this one",
    ),
    "dates_inverted": ("{value} is before the first day", "Write the earlier date in `from`"),
    # collect and survey
    "bad_range": ("this is not a range of numbers", "Write [1, 500]"),
    "range_digits": ("the range does not fit {least} to {most} digits", "Change `digits` or `range`"),
    "bad_scale": ("'{value}' is not a scale", "Write 1-5 or 0-10"),
    "nps_scale": ("NPS is counted on 0-10", "Write `scale: 0-10`, or `metric: csat`"),
    # lookup and transfer
    "bad_url": (
        "this is not an address that can be asked",
        "Write http:// or https:// with a host; what varies belongs in `query` or `body`",
    ),
    "bad_header": ("'{value}' cannot be in a header here", "Use letters, digits and -; some headers are set for you"),
    "bad_secret": (
        "'{value}' is not an environment variable that a lookup may send",
        "Name it IVR_LOOKUP_… in capitals, and set it where the system is started",
    ),
    "bad_field": ("'{value}' cannot be the name of a field", "Use a-z, 0-9, _, - and ."),
    "bad_take": ("'{value}' is not a place in an answer", "Join names and list positions with dots: account.0.name"),
    "body_needs_post": ("a GET has no body", "Add `method: POST`, or use `query`"),
    "personal_in_url": (
        "'{name}' is personal data, and what is in `query` stands in the address",
        "Send it in `body` with `method: POST` and `personal: yes`",
    ),
    "personal_unsaid": ("'{name}' is personal data", "Add `personal: yes` to say that it leaves this system"),
    "personal_unprotected": ("personal data would travel unencrypted", "Use https://, or http://127.0.0.1"),
    "bad_destination": (
        "this is no place to transfer to",
        "Write a name from `transfers` in centre.yaml, {{queue: name}} or {{agent: number}}",
    ),
    "number_not_allowed": (
        "'{number}' is outside what `outbound` in centre.yaml allows to dial",
        "Give its kind or first digits a price under `outbound: rates`; premium rates are never dialled",
    ),
    "bad_rate": (
        "'{value}' is neither a kind of number nor first digits",
        "Write fixed, mobile, voip, personal, toll_free, nationwide, or 2 to 15 digits, perhaps after +",
    ),
    "unknown_transfer": ("there is no '{name}' under `transfers` in centre.yaml", "Did you mean: {nearest}"),
    "unknown_agent": ("there is no agent '{name}'", "Did you mean: {nearest}"),
    # audio
    "missing_prompt": (
        "there is no prompt '{name}' ({languages})",
        "Add it to the file of each language under prompts/",
    ),
    "misspelt_prompt": ("there is no prompt '{name}' ({languages})", "Did you mean: {nearest}"),
    "missing_saying": (
        "{count} words for numbers and dates are missing in '{language}'",
        "Add to prompts/{language}.yaml: {keys}",
    ),
}
