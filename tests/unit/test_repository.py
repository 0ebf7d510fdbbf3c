"""What may never be in the repository or in the dialplan, looked for in the files themselves."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "asterisk-config"
KEY_MATERIAL = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}|\bxox[abpr]-[A-Za-z0-9-]{10}"
    r"|(?i:secret|password|passwd|token|api_?key)[\"']?\s*[:=]>?\s*[\"']?(?=[^\s\"']*\d)(?=[^\s\"']*[a-zA-Z])[A-Za-z0-9+/]{20,}"
    r"|(?<![0-9a-fA-F:])[0-9a-f]{64}(?![0-9a-fA-F])"
)
HASHES = {"requirements.lock"}
"""Files whose 64 hex digits are checksums of packages."""
BINARY = {".wav", ".png", ".ulaw", ".svg"}
OUTSIDE = re.compile(r"\$\{(EXTEN|CALLERID|CALLERIDNUM|CALLERIDNAME|DNID|RDNIS|PJSIP_HEADER|SIP_HEADER|CHANNEL\(pjsip)")
"""What a caller or phone supplies."""
DANGEROUS = {"app_system", "app_exec", "app_originate", "app_externalivr", "func_shell", "func_env", "func_curl",
             "func_realtime", "app_dial_exec", "app_macro", "res_http_websocket", "res_ari", "res_pjsip_messaging",
             "pbx_spool", "app_transfer", "app_userevent", "app_disa", "app_chanspy", "app_voicemail", "chan_iax2",
             "res_manager_presencestate", "pbx_ael", "pbx_lua", "res_clioriginate"}  # fmt: skip


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_no_key_or_password_is_in_the_repository() -> None:
    found = []
    for path in tracked():
        if path.suffix in BINARY or path.name in HASHES or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if KEY_MATERIAL.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "-----BEGIN EC " + "PRIVATE KEY-----",
        "password = " + '"' + "hunter2" * 4 + '"',
        '{"token": ' + '"Zk4q8YxW2b' + 'V7nM1cP5tR"}',
        "seal " + "0123456789abcdef" * 4,
    ],
)
def test_the_search_knows_keys_when_it_sees_them(line: str) -> None:
    assert KEY_MATERIAL.search(line)


def test_nothing_that_was_made_at_run_time_is_tracked() -> None:
    names = {str(path.relative_to(ROOT)) for path in tracked()}
    assert not [
        name for name in names if name.startswith("var/") or name.endswith((".secret", ".key", ".token", ".pem"))
    ]


def dialplan() -> list[tuple[str, str]]:
    """File and line of everything that Asterisk runs."""
    files = [CONFIG / "extensions.conf", *sorted((CONFIG / "templates").glob("*.j2"))]
    return [(path.name, line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_comes_from_outside_is_filtered_before_it_is_expanded() -> None:
    """Asterisk's README-SERIOUSLY.bestpractices. A key of a generated context is one of those written
    there; a pattern without a dot lets digits through."""
    safe = re.compile(r"FILTER\([^,()]+,\$\{(EXTEN|CALLERID\(num\))\}\)")
    listed = re.compile(r"^exten => (_\[\+?0-9\*?#?\]X*|\{\{ key \}\}),1,")
    for name, line in dialplan():
        code = line.partition(" ;")[0] if not line.startswith(";") else ""
        rest = code if listed.match(code) is None else code.replace("${EXTEN}", "")
        assert not OUTSIDE.search(safe.sub("", rest)), (name, line)


def test_no_module_is_loaded_that_runs_programs_or_opens_ways_in() -> None:
    text = (CONFIG / "modules.conf").read_text(encoding="utf-8")
    loaded = set(re.findall(r"^load = (\w+)\.so", text, re.MULTILINE))
    assert "autoload = no" in text
    assert len(loaded) > 30
    assert not loaded & DANGEROUS
    assert not [name for name in loaded if name.startswith(("res_ari", "cdr_", "chan_")) and name != "chan_pjsip"]
    used = "".join(line for _, line in dialplan() if not line.startswith(";"))
    assert not re.search(r"\b(System|TrySystem|Exec|TryExec|SHELL|EVAL|CURL|FILE|ENV|ExternalIVR|Originate)\(", used)
    assert re.search(r"^live_dangerously = no$", (CONFIG / "asterisk.conf").read_text(encoding="utf-8"), re.MULTILINE)


def test_who_needs_no_password_is_known_by_address_alone() -> None:
    """With `username` among the ways to be known, `From: <sip:trunk@…>` from anywhere would be the trunk."""
    peers = (CONFIG / "pjsip.conf").read_text(encoding="utf-8")
    template = (CONFIG / "templates" / "pjsip.conf.j2").read_text(encoding="utf-8")
    assert re.search(r"\[peer\]\(!,leg\)\nidentify_by = ip\nallow_transfer = no\n", peers)
    assert re.search(r"\[agent\]\(!,leg\)\nidentify_by = username\n", peers)
    endpoints = re.findall(r"^\[(.+?)\]\((\w+),local\)\n((?:\w+ = .*\n)+)", template, re.MULTILINE)
    assert [(name, kind) for name, kind, _ in endpoints] == [
        ("trunk", "peer"), ("outbound", "peer"), ("{{ phone.user }}", "agent"),
    ]  # fmt: skip
    assert all("auth = " in settings for _, kind, settings in endpoints if kind == "agent")
