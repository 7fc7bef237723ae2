from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart import config
from rempart.config import ConfigProblem, Flags
from support.fake_ekm import Certificate


def written(tmp_path: Path, change: tuple[str, str] = ("", "")) -> Path:
    text = config.toml(config.first(Flags()))
    assert change[0] in text
    (tmp_path / config.FILE_NAME).write_text(text.replace(*change))
    return tmp_path


def aws(setting: str, value: str) -> tuple[str, str]:
    return "workers = 1", f"workers = 1\n{setting} = {value}"


def test_aws_is_asked_where_the_operator_says_so(tmp_path: Path) -> None:
    made = config.load(written(tmp_path), Flags())
    assert (made.aws_sts_endpoints, made.aws_sts_unsigned_target) == ((), False)
    endpoints = ("https://sts.eu-west-3.amazonaws.com", "https://sts.corp.test:8443")
    change = aws("aws_sts_endpoints", str(list(endpoints)))
    made = config.load(written(tmp_path, change), Flags())
    assert made.aws_sts_endpoints == endpoints
    change = aws("aws_sts_unsigned_target", "true")
    assert config.load(written(tmp_path, change), Flags()).aws_sts_unsigned_target


def syslog(*lines: str) -> tuple[str, str]:
    return "[key_managers]", "\n".join(("[syslog.siem]", *lines, "[key_managers]"))


def test_sinks_lead_to_the_syslog_servers_that_the_operator_names(tmp_path: Path) -> None:
    assert config.load(written(tmp_path), Flags()).syslog == ()
    change = syslog('address = "siem.corp.test:6514"', 'from = ["projects/lab:demo"]')
    [made] = config.load(written(tmp_path, change), Flags()).syslog
    assert (made.name, str(made.address), made.plain) == ("siem", "siem.corp.test:6514", False)
    assert made.containers == ("projects/lab:demo",)


def test_the_written_file_reads_back_as_the_same_settings(tmp_path: Path) -> None:
    assert config.load(written(tmp_path), Flags()) == config.first(Flags())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("workers = 1", "workers = 1\nlisten_tls = 'x'"), "unknown key 'listen_tls'"),
        (("workers = 1", ""), "workers"),
        (("workers = 1", "workers = true"), "whole number"),
        (("workers = 1", "workers = 2"), "--workers 1"),
        (("format = 1", "format = 0"), "Undo"),
        (("format = 1", "format = 9"), "newer Rempart"),
        (("format = 1", "format = "), "cannot be read"),
        (('regions = ["u-local1"]', "regions = []"), "at least one"),
        (('regions = ["u-local1"]', "regions = [1]"), "list of names"),
        (("rempart:default", "other:default"), "rempart:NAME"),
        (("127.0.0.1:8443", "8443"), "HOST:PORT"),
        (syslog('address = "siem:6514"'), "is not understood"),
        (syslog('address = "siem"', "from = []"), "HOST:PORT"),
        (syslog('address = "siem:6514"', 'from = ["*"]'), "a list such as"),
        (syslog('address = "siem:6514"', "from = []", 'plain = "yes"'), "true or false"),
        (syslog('address = "siem:6514"', "from = []", 'authorities = "no.pem"'), "no file"),
        (aws("aws_sts_endpoints", "'https://sts.example.org'"), "list of up to 40"),
        (aws("aws_sts_endpoints", "['http://sts.example.org']"), "without a path"),
        (aws("aws_sts_endpoints", "['https://sts.example.org/x']"), "without a path"),
        (aws("aws_sts_endpoints", "['https://u@sts.example.org']"), "without a path"),
        (aws("aws_sts_endpoints", "[1]"), "without a path"),
        (aws("aws_sts_endpoints", str(["https://sts.example.org"] * 41)), "up to 40"),
        (aws("aws_sts_unsigned_target", "'yes'"), "true or false"),
        (("127.0.0.1:8443", "127.0.0.1:70000"), "HOST:PORT"),
    ],
)
def test_a_wrong_file_refuses_the_start_and_says_why(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    with pytest.raises(ConfigProblem, match=words):
        config.load(written(tmp_path, change), Flags())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (Flags(domain="localhost"), "two labels"),
        (Flags(domain="Apis.Test"), "small letters"),
        (Flags(domain="apis.googleapis.com"), "Google's"),
        (Flags(prefix="1lab"), "a letter"),
        (Flags(prefix="a:b"), "a letter"),
        (Flags(engine="mysql://x/y"), "embedded"),
        (Flags(engine="postgresql://u:secret@h/d"), "PGPASSFILE"),
        (Flags(workers=0), "workers"),
    ],
)
def test_a_wrong_flag_refuses_the_start_and_says_why(flags: Flags, words: str) -> None:
    with pytest.raises(ConfigProblem, match=words) as refusal:
        config.first(flags)
    assert "secret" not in str(refusal.value)


MANAGERS = "[key_managers]"


def test_key_managers_are_hosts_with_their_addresses(tmp_path: Path) -> None:
    lines = f"""{MANAGERS}
"ekm.example.org" = "192.0.2.7:443"
"ekm.example.net:8443" = "resolve"
"""
    loaded = config.load(written(tmp_path, (MANAGERS, lines)), Flags())
    assert dict(loaded.key_managers) == {
        "ekm.example.org": "192.0.2.7:443",
        "ekm.example.net:8443": "resolve",
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('"https://ekm.example.org" = "resolve"', "small letters"),
        ('"EKM.example.org" = "resolve"', "small letters"),
        ('"ekm.example.org" = 7', "a table of lines"),
        ('"ekm.example.org" = "192.0.2.7"', "HOST:PORT"),
    ],
)
def test_a_wrong_key_manager_refuses_the_start(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigProblem, match=words):
        config.load(written(tmp_path, (MANAGERS, f"{MANAGERS}\n{line}")), Flags())


def test_authorities_of_key_managers_are_a_file_beside_the_settings(tmp_path: Path) -> None:
    change = ("# key_manager_authorities", "key_manager_authorities")
    with pytest.raises(ConfigProblem, match="which is no file"):
        config.load(written(tmp_path, change), Flags())
    file = tmp_path / "key-managers.pem"
    file.touch()
    with pytest.raises(ConfigProblem, match="not what TLS can use"):
        config.load(written(tmp_path, change), Flags())
    file.write_bytes(Certificate.of().pem)
    loaded = config.load(written(tmp_path, change), Flags())
    assert loaded.key_manager_authorities == str(file)


def test_a_client_certificate_comes_with_a_key_that_nobody_else_reads(tmp_path: Path) -> None:
    change = ("# key_manager_client", "key_manager_client")
    file, certificate = tmp_path / "key-manager-client.pem", Certificate.of()
    file.write_bytes(certificate.pem + certificate.key)
    file.chmod(0o640)
    with pytest.raises(ConfigProblem, match="chmod 600"):
        config.load(written(tmp_path, change), Flags())
    file.chmod(0o600)
    assert config.load(written(tmp_path, change), Flags()).key_manager_client == str(file)
    file.write_bytes(certificate.pem + Certificate.of().key)
    with pytest.raises(ConfigProblem, match="not what TLS can use"):
        config.load(written(tmp_path, change), Flags())


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    environment = config.from_environment(
        {"REMPART_LISTEN": "127.0.0.1:1111", "REMPART_HTTP": "127.0.0.1:2222"}
    )
    loaded = config.load(written(tmp_path), Flags(listen="[::1]:3333").over(environment))
    assert str(loaded.listen) == "[::1]:3333"
    assert str(loaded.http) == "127.0.0.1:2222"


@given(st.text())
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    try:
        parsed = config.address(text, "listen")
    except ConfigProblem:
        return
    assert config.address(str(parsed), "listen") == parsed


@given(st.text())
def test_any_engine_is_written_so_that_it_reads_back_or_is_refused(text: str) -> None:
    try:
        chosen = config.first(Flags(engine="postgresql://h/" + text))
    except ConfigProblem:
        return
    assert tomllib.loads(config.toml(chosen))["engine"] == chosen.engine


def with_token(tmp_path: Path, **changed: str) -> Path:
    """Return a universe's directory whose settings name a token."""
    for name in ("module.so", "pin"):
        (tmp_path / name).touch(mode=0o600)
    keys = {
        "module": str(tmp_path / "module.so"),
        "token": "vault",
        "pin_file": str(tmp_path / "pin"),
    }
    with (written(tmp_path) / config.FILE_NAME).open("a") as file:
        file.write("\n[hsm]\n")
        file.writelines(f'{key} = "{value}"\n' for key, value in (keys | changed).items())
    return tmp_path


def test_a_token_is_named_by_module_label_and_the_file_of_its_pin(tmp_path: Path) -> None:
    hsm = config.load(with_token(tmp_path), Flags()).hsm
    assert hsm == config.HSMConfig(tmp_path / "module.so", "vault", tmp_path / "pin")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"module": "module.so"}, "module of \\[hsm\\] is 'module.so': give the absolute path"),
        ({"pin_file": "/nowhere/pin"}, "pin_file of"),
        ({"token": ""}, "the token's label"),
        ({"token": "ä" * 17}, "at most 32 bytes"),
        ({"pin": "1234"}, "no others"),
    ],
)
def test_a_token_that_is_named_wrongly_refuses_the_start(
    tmp_path: Path, changed: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigProblem, match=words):
        config.load(with_token(tmp_path, **changed), Flags())


def test_a_pin_that_others_can_read_refuses_the_start(tmp_path: Path) -> None:
    data = with_token(tmp_path)
    (data / "pin").chmod(0o640)
    with pytest.raises(ConfigProblem, match="chmod 600"):
        config.load(data, Flags())


DUTIES = Path(__file__).parents[2] / "docs" / "separation-of-duties.md"
KEYS = {"name": "keys", "one": ["roles/cloudkms.admin"], "other": ["storage.objects.get"]}


def with_duties(tmp_path: Path, text: str, name: str = "separation-of-duties.toml") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path


def rule(**changes: object) -> str:
    lines = (f"{key} = {value!r}" for key, value in (KEYS | changes).items() if value is not None)
    return "\n".join(["[[rule]]", *lines, ""])


def test_without_a_file_no_rights_are_kept_apart(tmp_path: Path) -> None:
    assert config.load(written(tmp_path), Flags()).duties == ()


def test_the_rules_that_the_documentation_proposes_are_read(tmp_path: Path) -> None:
    text = DUTIES.read_text().split("```toml\n")[1].split("```")[0]
    found = config.load(with_duties(written(tmp_path), text), Flags()).duties
    names = ["keys-and-their-use", "rights-and-data", "accounts-and-their-rights"]
    assert [duty.name for duty in found] == names


def test_the_settings_name_another_file_of_rules(tmp_path: Path) -> None:
    change = ('# separation_of_duties = "separation-of-duties.toml"', "separation_of_duties = 'x'")
    data = with_duties(written(tmp_path, change), rule(), "x")
    assert [duty.name for duty in config.load(data, Flags()).duties] == ["keys"]
    (data / "x").unlink()
    with pytest.raises(ConfigProblem, match="cannot be read"):
        config.load(data, Flags())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "nothing else"),
        ("rule = 1", "nothing else"),
        ("[[rule]]", "has name, one, other"),
        ("][", "cannot be read"),
        (rule(name="A"), "no name"),
        (rule(name=None), "has name, one, other"),
        (rule(names="x"), "has name, one, other"),
        (rule(one=[]), "a list of 1 to 200"),
        (rule(one="roles/owner"), "a list of 1 to 200"),
        (rule(other=["storage.objects.got"]), "'storage.objects.got', which is no role"),
        (rule(other=[1]), "names 1"),
        (rule(other=["roles/cloudkms.admin"]), "both sides of keys have roles/cloudkms.admin"),
        (rule(reason="x" * 301), "over 300"),
        (rule() * 2, "the same name"),
        (rule() * 101, "up to 100"),
    ],
)
def test_wrong_rules_refuse_the_start_and_say_why(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigProblem, match=words):
        config.load(with_duties(written(tmp_path), text), Flags())


def test_what_is_wrong_with_a_rule_is_told_with_the_line_that_it_begins_in(tmp_path: Path) -> None:
    text = f"# of the operator\n{rule()}\n[[ rule ]]  # the second\n" + rule(name="b", one=[])[9:]
    with pytest.raises(ConfigProblem, match=r"duties\.toml, rule in line 7: a side of b"):
        config.load(with_duties(written(tmp_path), text), Flags())
    with pytest.raises(ConfigProblem, match="at line 2"):
        config.load(with_duties(tmp_path, "\n]["), Flags())
    with pytest.raises(ConfigProblem, match=r"duties\.toml: a rule has name"):
        config.load(with_duties(tmp_path, "rule = [{}]"), Flags())
