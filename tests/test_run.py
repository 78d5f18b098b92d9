"""run.py and launcher/: what it asks of the machine, what it installs, what it starts and how it ends."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import run
from launcher.children import open_log
from launcher.commands import dispatch
from launcher.install import (
    ensure_installed,
    is_installed,
    make_venv,
    package_count,
    pip_wheel,
    stamp,
    stamp_path,
    venv_python,
)
from launcher.instance import locked, refuse_second, remember, remembered
from launcher.plan import Plan, child_environment, plan_from
from launcher.ports import answers, check_port, choose_port
from launcher.signals import Signals, Stopped
from launcher.start import welcome
from launcher.supervisor import Supervisor
from launcher.terminal import RunError

ROOT = Path(run.__file__).parent


@pytest.fixture
def bare_root(tmp_path: Path) -> Path:
    """A checkout whose only requirement is the pip wheel in its vendor/, so that no network is needed."""
    wheel = pip_wheel(ROOT)
    (tmp_path / "vendor").mkdir()
    shutil.copy(wheel, tmp_path / "vendor")
    (tmp_path / "requirements.txt").write_text(f"# one\n--no-index\n./vendor/{wheel.name}\n")
    return tmp_path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on some port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_from({"PORTAL_INSTANCE": str(tmp_path / "instance")})


@pytest.fixture
def supervisor(plan: Plan, tmp_path: Path) -> Iterator[Supervisor]:
    """One whose programs are modules of a scratch folder, run by this Python."""
    python = venv_python(tmp_path)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / "portal").mkdir()
    (tmp_path / "portal" / "__init__.py").touch()
    (tmp_path / "portal" / "database.py").write_text("import sys; print('asked to', *sys.argv[1:])")
    made = Supervisor(plan, child_environment(plan, os.environ, None), Signals(), tmp_path)
    yield made
    for child in made.children:
        child.end(0, made.signals)


def program(folder: Path, name: str, text: str) -> str:
    (folder / f"{name}.py").write_text(text)
    return name


# --- the machine


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (4, 0, 0)])
def test_a_recent_python_is_accepted(version: tuple[int, ...]) -> None:
    run.check_python(version, "posix", "python3")


def test_an_old_python_is_told_which_one_is_needed() -> None:
    with pytest.raises(RunError, match=r"needs Python 3\.11 or newer; /bin/python3 is Python 3\.10\.9"):
        run.check_python((3, 10, 9), "posix", "/bin/python3")


def test_windows_is_told_to_use_wsl() -> None:
    with pytest.raises(RunError, match="WSL"):
        run.check_python((3, 13, 0), "nt", "python.exe")


@pytest.mark.parametrize("name", ["run.py", "launcher/__init__.py", "launcher/terminal.py"])
def test_an_old_python_can_read_the_file(name: str) -> None:
    assert ast.parse((ROOT / name).read_text("utf-8"), feature_version=(3, 7)).body


# --- the plan


def test_without_variables_everything_is_local() -> None:
    plan = plan_from({}, Path("/srv/portal"))
    assert (plan.url, plan.instance) == ("http://127.0.0.1:8000", Path("/srv/portal/instance"))
    assert plan.own_database
    assert plan.own_stripe
    assert plan.seeds


def test_a_real_stripe_account_never_gets_the_demo() -> None:
    plan = plan_from({"STRIPE_SECRET_KEY": "sk_test_1"})
    assert not plan.own_stripe
    assert not plan.seeds


def test_production_never_gets_the_demo() -> None:
    assert not plan_from({"PORTAL_ENV": "production"}).seeds


def test_a_database_of_ones_own_is_not_stopped() -> None:
    assert not plan_from({"DATABASE_URL": "postgresql://db/portal"}).own_database


@pytest.mark.parametrize("text", ["abc", "0", "-1", "65536", "80.0", "٣"])
def test_a_wrong_port_is_named(text: str) -> None:
    with pytest.raises(RunError, match="PORT must be a number from 1 to 65535"):
        plan_from({"PORT": text})


def test_children_learn_where_things_are(plan: Plan) -> None:
    given = child_environment(plan, {"LANG": "fr"}, 4242)
    assert given["STRIPE_API_BASE"] == "http://127.0.0.1:4242"
    assert given["PUBLIC_URL"] == "http://127.0.0.1:8000"
    assert given["PORTAL_INSTANCE"] == str(plan.instance)
    assert given["LANG"] == "fr"


def test_what_is_set_is_kept() -> None:
    environ = {"PUBLIC_URL": "https://portal.example", "STRIPE_SECRET_KEY": "sk_test_1", "HOST": "0.0.0.0"}
    plan = plan_from(environ)
    given = child_environment(plan, environ, 4242)
    assert given["PUBLIC_URL"] == "https://portal.example"
    assert "STRIPE_API_BASE" not in given
    assert plan.url == "http://127.0.0.1:8000"


# --- the install


def test_the_stamp_follows_requirements_and_interpreter() -> None:
    noted = stamp(b"Flask==3", "cpython-311-x86_64")
    assert noted == stamp(b"Flask==3", "cpython-311-x86_64")
    assert noted != stamp(b"Flask==4", "cpython-311-x86_64")
    assert noted != stamp(b"Flask==3", "cpython-312-x86_64")


def test_comments_and_options_are_no_packages() -> None:
    assert package_count("# web\nFlask==3\n\n--no-index\n  six==1\n") == 2


def test_the_install_needs_neither_pip_nor_ensurepip(
    bare_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    (bare_root / ".venv" / "bin").mkdir(parents=True)  # half made, by an interrupted start
    (bare_root / ".venv" / "bin" / "python").symlink_to("/nowhere/python")
    ensure_installed(bare_root, Signals())
    shown = subprocess.run([venv_python(bare_root), "-m", "pip", "--version"], capture_output=True, check=True)
    assert str(bare_root).encode() in shown.stdout
    assert "Installing 1 packages" in capsys.readouterr().out

    ensure_installed(bare_root, Signals())
    assert capsys.readouterr().out == ""

    stamp_path(bare_root).unlink()  # as after an install cut short
    assert not is_installed(bare_root)


def test_a_package_that_cannot_be_had_is_told_with_pips_last_words(bare_root: Path) -> None:
    (bare_root / "requirements.txt").write_text("--no-index\nno-such-package==1\n")
    with pytest.raises(RunError, match=r"could not be installed(?s:.*)no-such-package"):
        ensure_installed(bare_root, Signals())
    assert not stamp_path(bare_root).exists()


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "venv", None)
    with pytest.raises(RunError, match="apt install python3-venv"):
        make_venv(tmp_path)


# --- ports, locks, notes


def test_a_taken_port_is_refused_with_the_variable_to_set(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(RunError, match=f"Port {port} is taken. Choose another: PORT="):
        check_port(plan_from({"PORT": str(port)}))


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(RunError, match=r"Cannot listen on HOST=192\.0\.2\.1"):
        check_port(plan_from({"HOST": "192.0.2.1", "PORT": "18999"}))


def test_the_remembered_port_is_taken_again_when_free(listener: socket.socket) -> None:
    taken = listener.getsockname()[1]
    free = choose_port(None, 8000)
    assert choose_port(free, 8000) == free
    assert choose_port(taken, 8000) != taken
    assert choose_port(free, free) != free
    assert choose_port("nonsense", 8000) > 0


def test_notes_survive_and_a_broken_file_counts_as_none(tmp_path: Path) -> None:
    assert remembered(tmp_path) == {}
    remember(tmp_path, {"stripe_port": 4242})
    assert remembered(tmp_path) == {"stripe_port": 4242}
    for broken in ("{", "[1]", ""):
        (tmp_path / "run.json").write_text(broken)
        assert remembered(tmp_path) == {}


def test_a_second_start_on_one_instance_is_refused(plan: Plan) -> None:
    plan.instance.mkdir()
    remember(plan.instance, {"url": "http://127.0.0.1:8000"})
    with (
        locked(plan.instance, on_busy=lambda: None),
        pytest.raises(RunError, match=r"already runs on .*: http://127\.0\.0\.1:8000"),
        locked(plan.instance, on_busy=lambda: refuse_second(plan)),
    ):
        pass


def test_a_server_in_trouble_does_not_count_as_answering() -> None:
    statuses = iter([503, 400, 200])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(next(statuses))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            assert [answers("127.0.0.1", port, "/healthz") for _ in range(3)] == [False, True, True]
        finally:
            server.shutdown()
            thread.join()
    assert not answers("127.0.0.1", port, "/healthz")


# --- the children


def test_a_child_that_dies_is_named_with_its_last_lines(supervisor: Supervisor) -> None:
    log = supervisor.plan.logs / "stripe.log"
    log.parent.mkdir(parents=True)
    log.write_text("of an earlier start\n")
    name = program(supervisor.root, "fragile", "import sys; print('a bug'); sys.exit(7)")
    supervisor.serve("stripe", name)
    with pytest.raises(RunError, match="stripe ended with status 7") as caught:
        supervisor.watch()
    assert "  a bug" in str(caught.value)
    assert "earlier" not in str(caught.value)


def test_a_setup_that_fails_stops_the_start(supervisor: Supervisor) -> None:
    name = program(supervisor.root, "failing", "raise SystemExit('migration 7 failed')")
    with pytest.raises(RunError, match=r"setup ended with status 1(?s:.*)migration 7 failed"):
        supervisor.finish("setup", name)


def test_stopping_lets_each_child_finish_in_reverse_order_then_the_database(
    supervisor: Supervisor,
) -> None:
    polite = """
import signal, sys, time
def leave(*_):
    with open(sys.argv[2], "a") as stream: stream.write(sys.argv[1] + " ")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print("ready")
time.sleep(60)
"""
    name, order = program(supervisor.root, "polite", polite), supervisor.root / "order"
    for child in ("stripe", "portal"):
        supervisor.serve(child, name, child, str(order))
        await_text(supervisor.plan.logs / f"{child}.log", "ready")
    supervisor.stop()
    assert order.read_text() == "portal stripe "
    assert [child.process.returncode for child in supervisor.children] == [0, 0]
    assert "asked to stop" in (supervisor.plan.logs / "setup.log").read_text()


def test_a_deaf_child_is_killed_with_all_it_started(supervisor: Supervisor) -> None:
    deaf = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) < 2: print(subprocess.Popen([sys.executable, __file__, "child"]).pid, "started")
time.sleep(60)
"""
    supervisor.serve("portal", program(supervisor.root, "deaf", deaf))
    written = await_text(supervisor.plan.logs / "portal.log", "started")
    supervisor.children[0].end(0.2, supervisor.signals)
    assert supervisor.children[0].process.returncode == -signal.SIGKILL
    await_end(int(written.split()[0]))


def test_a_request_to_stop_ends_a_running_setup(supervisor: Supervisor) -> None:
    name = program(supervisor.root, "lasting", "import time; time.sleep(60)")
    supervisor.signals.note(signal.SIGTERM, None)
    begun = time.monotonic()
    with pytest.raises(Stopped):
        supervisor.finish("setup", name)
    assert time.monotonic() - begun < 5


def test_only_a_second_ctrl_c_makes_haste() -> None:
    signals = Signals()
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
        signals.note(number, None)
    assert signals.asked == 1
    signals.note(signal.SIGINT, None)
    assert signals.asked == 2


def test_a_large_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launcher.children.LOG_CAP", 3)
    log = tmp_path / "portal.log"
    log.write_text("much")
    with open_log(log) as stream:
        assert stream.tell() == 0
    assert (tmp_path / "portal.log.1").read_text() == "much"


# --- what is said


def test_the_welcome_tells_the_demo_sign_ins_only_with_the_demo() -> None:
    local = plan_from({})
    shown = welcome(local, child_environment(local, {}, 4242))
    for part in (
        "http://127.0.0.1:8000",
        "admin@callastar.test",
        "callastar-demo",
        "http://127.0.0.1:4242",
        "Ctrl-C",
    ):
        assert part in shown
    environ = {"STRIPE_SECRET_KEY": "sk_test_1", "DATABASE_URL": "postgresql://db/portal"}
    shown = welcome(plan_from(environ), environ)
    assert "callastar.test" not in shown
    assert "sk_test_1" not in shown
    assert "postgresql://" not in shown


def test_help_lists_commands_and_variables(capsys: pytest.CaptureFixture[str]) -> None:
    dispatch(["--help"], Signals())
    shown = capsys.readouterr().out
    for word in ("run.py test", "run.py flask", "PORTAL_INSTANCE", "DATABASE_URL", "STRIPE_SECRET_KEY"):
        assert word in shown


def test_an_unknown_command_is_a_sentence_and_a_failure() -> None:
    result = subprocess.run([sys.executable, ROOT / "run.py", "tset"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("run.py has no command 'tset'.")


def test_the_notes_are_readable_by_people(tmp_path: Path) -> None:
    remember(tmp_path, {"port": 8000, "url": "http://127.0.0.1:8000"})
    assert json.loads((tmp_path / "run.json").read_text())["port"] == 8000


def await_text(path: Path, text: str) -> str:
    """What the file holds, once it holds this text."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        written = path.read_text() if path.exists() else ""
        if text in written:
            return written
        time.sleep(0.02)
    raise AssertionError(f"{path} never said {text!r}")


def await_end(pid: int) -> None:
    """Return once this process is gone, or only waits to be reaped by init."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} still runs")
