"""Messages leave by a process that can do nothing else: real services on loopback, and attempts to get around it."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import socket
import ssl
import sys
from pathlib import Path

import pytest
import trustme

from app.domain.messages import Message
from app.domain.services import SERVICES, Service, service_of
from app.worker.messenger import Messenger
from tests.worker.people import mailbox, receiver

LOOPBACK = ["127.0.0.0/8"]
MESSAGE = Message("Quietwatch: 2 quiet", ("- Zoë: no surviving post seen", "- Bob: no surviving post seen"), 45)
#: What a test process does within the limits, in place of sending.
PROBE = """
import asyncio, json, os, socket, subprocess, sys, ctypes
import requests, certifi
from app.worker.guard import Guard
from app.worker.messenger_process import Confined, _ignore_environment
_ignore_environment()
async def answer(host, port):
    return ["127.0.0.1", "10.1.2.3"] if host == "mixed.example" else await confined.answer(host, port)
confined = Confined(Guard(["127.0.0.0/8"], [], resolver=answer))
confined.begin()
found = {}
def attempt(name, act):
    try:
        act()
        found[name] = "done"
    except Exception as error:
        found[name] = type(error).__name__
port = int(sys.argv[1])
attempt("connect", lambda: socket.create_connection(("127.0.0.1", port), 2).close())
attempt("by name", lambda: socket.create_connection(("localhost", port), 2).close())
attempt("private", lambda: socket.create_connection(("10.0.0.1", 80), 0.2).close())
attempt("mixed", lambda: socket.create_connection(("mixed.example", port), 0.2).close())
attempt("metadata", lambda: socket.socket().connect(("169.254.169.254", 80)))
attempt("raw", lambda: socket._socket.socket().connect(("192.168.0.1", 443)))
attempt("unix", lambda: socket.socket(socket.AF_UNIX).connect("/run/x.sock"))
attempt("datagram", lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 514)))
attempt("message", lambda: socket.socket(type=socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, ("127.0.0.1", 514)))
attempt("old lookup", lambda: socket.gethostbyname("localhost"))
attempt("shell", lambda: os.system("true"))
attempt("program", lambda: subprocess.run(["true"]))
attempt("fork", lambda: os.fork())
attempt("library", lambda: ctypes.CDLL("libc.so.6"))
attempt("read", lambda: open(sys.argv[2]).close())
attempt("around", lambda: open(os.path.dirname(os.__file__) + "/../../../../../../.." + sys.argv[2]).close())
attempt("write", lambda: open(sys.argv[2], "w").close())
attempt("append", lambda: os.open(sys.argv[2], os.O_WRONLY))
attempt("remove", lambda: os.remove(sys.argv[2]))
attempt("certificates", lambda: open(certifi.where()).close())
found["environment"] = requests.Session().trust_env
print(json.dumps(found))
"""


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with mailbox() as box:
        address = f"mailto://127.0.0.1:{box.port}?from=watch@quietwatch.example&to=anna@example.org&mode=insecure"
        assert await Messenger(LOOPBACK).send(address, MESSAGE) is None
        mail = box.mails[0]
        assert mail["Subject"] == "Quietwatch: 2 quiet"
        assert mail["To"] == "anna@example.org"
        assert mail.get_content().splitlines() == [*MESSAGE.entries, "and 43 more"]
        assert mail.get_content_type() == "text/plain"
        assert box.greetings == ["localhost.localdomain"]


#: In place of an authority that the machine trusts: read at the start of the process that sends.
TRUSTING = """
import ssl
begin = ssl.create_default_context
def trusting(*args, **more):
    context = begin(*args, **more)
    context.load_verify_locations({path!r})
    return context
ssl.create_default_context = trusting
"""


async def test_mail_by_starttls_goes_to_a_server_with_a_trusted_certificate_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with mailbox(tls) as box:
        rest = f"{box.port}?from=watch@quietwatch.example&to=anna@example.org"
        assert await Messenger(LOOPBACK).send(f"mailtos://127.0.0.1:{rest}", MESSAGE) == "refused"
        assert await Messenger(LOOPBACK).send(f"mailto://127.0.0.1:{rest}&mode=insecure", MESSAGE) == "refused"
        assert box.mails == []
        assert await Messenger(LOOPBACK).send(f"mailtos://127.0.0.1:{rest}&verify=no", MESSAGE) is None

        authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
        (tmp_path / "sitecustomize.py").write_text(TRUSTING.format(path=str(tmp_path / "authority.pem")))
        monkeypatch.syspath_prepend(tmp_path)
        assert await Messenger(LOOPBACK).send(f"mailtos://127.0.0.1:{rest}", MESSAGE) is None
        # The certificate is good, but of another name.
        assert await Messenger(LOOPBACK).send(f"mailtos://localhost:{rest}", MESSAGE) == "refused"
    assert box.encrypted == [True, True]
    assert [mail["Subject"] for mail in box.mails] == [MESSAGE.title] * 2


async def test_that_nobody_was_reached_is_told_at_one_moment_whatever_the_reason() -> None:
    messenger = Messenger(LOOPBACK, reach_seconds=2.5)
    loop = asyncio.get_running_loop()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: closed

        async def try_out(host: str) -> float:
            began = loop.time()
            assert await messenger.send(f"json://{host}:{free.getsockname()[1]}/in", MESSAGE) == "unreachable"
            return loop.time() - began

        found = await asyncio.gather(*map(try_out, ("127.0.0.1", "10.0.0.1")))
    assert min(found) >= 2.5


async def test_json_arrives_without_a_picture_or_a_redirect() -> None:
    async with receiver() as one:
        assert await Messenger(LOOPBACK).send(f"json://anna:geheim@localhost:{one.port}/in", MESSAGE) is None
        assert one.bodies[0]["title"] == MESSAGE.title
        assert one.bodies[0]["message"] == MESSAGE.body()
        assert await Messenger(LOOPBACK).send(f"ntfy://127.0.0.1:{one.port}/topic", MESSAGE) is None
        assert "http" not in one.asked[-1][0].split("\r\n", 1)[1].lower().replace("http/1.1", "")
        one.status, one.headers = 302, f"Location: http://127.0.0.1:{one.port}/elsewhere\r\n"
        assert await Messenger(LOOPBACK).send(f"json://127.0.0.1:{one.port}/in?redirect=yes", MESSAGE) == "refused"
        assert [head.split()[1] for head, _ in one.asked] == ["/in", "/", "/in"]


async def test_the_guard_judges_every_attempt() -> None:
    async with receiver() as one, mailbox() as box:
        closed = Messenger()
        assert await closed.send(f"json://127.0.0.1:{one.port}/in", MESSAGE) == "unreachable"
        assert await closed.send(f"json://localhost:{one.port}/in", MESSAGE) == "unreachable"
        assert (
            await closed.send(f"mailto://127.0.0.1:{box.port}?from=q@b.example&to=a@b.example", MESSAGE)
            == "unreachable"
        )
        own = Messenger(LOOPBACK, own_hosts=["localhost"])
        assert await own.send(f"json://localhost:{one.port}/in", MESSAGE) == "unreachable"
        assert one.asked == []
        assert box.mails == []


async def test_a_refusal_and_a_silence_are_told_apart_and_a_silence_ends() -> None:
    async with receiver() as one:
        one.status = 403
        assert await Messenger(LOOPBACK).send(f"json://127.0.0.1:{one.port}/in", MESSAGE) == "refused"
        one.hold = asyncio.Event()
        hasty = Messenger(LOOPBACK, seconds=2)
        async with asyncio.timeout(50):
            assert await hasty.send(f"json://127.0.0.1:{one.port}/in?rto=60", MESSAGE) == "unreachable"
        one.hold.set()
    assert await Messenger(LOOPBACK).send(f"json://127.0.0.1:{one.port}/in", MESSAGE) == "unreachable"


async def test_addresses_are_checked_without_sending() -> None:
    good = "mailtos://anna:geheim@example.org?to=bob@example.org"
    assert await Messenger().check(good) is None
    for bad in ("slack://x", "file:///etc/passwd", "json://", "nothing", "dbus://"):
        assert await Messenger().check(bad) == "bad_address", bad


async def test_the_process_can_do_nothing_but_send(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    async with receiver() as one:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROBE, str(one.port), str(secret), stdout=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": ":".join(filter(None, sys.path)), "HTTP_PROXY": "http://10.9.9.9:1"},
        )  # fmt: skip
        out, _ = await process.communicate()
    found = json.loads(out)
    allowed = {name for name, result in found.items() if result == "done"}
    assert allowed == {"connect", "by name", "certificates"}
    assert found["mixed"] == "gaierror"
    assert found["environment"] is False
    assert secret.read_text() == "x"


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise's, before Python 3.13
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_service_is_one_of_apprise_that_speaks_to_the_network(service: Service) -> None:
    module = importlib.import_module(f"apprise.plugins.{service.module}")
    plugin = getattr(module, service.plugin)
    known: set[str] = set()
    for given in (plugin.protocol, plugin.secure_protocol):
        known |= {given} if isinstance(given, str) else set(given or ())
    assert set(service.schemes) <= known
    assert plugin.enabled
    source = inspect.getsource(sys.modules[plugin.__module__])
    assert "import requests" in source or "smtp" in source.lower()
    assert not any(word in source for word in ("import subprocess", "import ctypes", "os.system", "popen"))


def test_no_scheme_belongs_to_two_services() -> None:
    schemes = [scheme for service in SERVICES for scheme in service.schemes]
    assert len(schemes) == len(set(schemes))
    assert len({service.name for service in SERVICES}) == len(SERVICES)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("MAILTOS://a:b@example.org", "mail"),
        ("tgram://123:abc/1", "telegram"),
        ("https://hooks.slack.com/services/T0/B0/x", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
    ],
)
def test_addresses_name_their_service(address: str, name: str) -> None:
    assert service_of(address).name == name


@pytest.mark.parametrize(
    "address",
    [
        "", "x", "file:///etc/passwd", "dbus://", "syslog://", "windows://", "gnome://", "macosx://", "kodi://h", "rsyslog://h",
        "https://example.org/hook", "https://hooks.slack.com.evil.example/services/", "mailto://a\nb", "mailto:// x", "json://\u202eh",
        "mailtos://" + "a" * 3000, "exec://x", "schema://x", "memory://", "apprise://h/t", "slack:/x", "json://?x",
    ],
)  # fmt: skip
def test_everything_else_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|begins)") as caught:
        service_of(address)
    assert len(address) < 5 or address not in str(caught.value)
