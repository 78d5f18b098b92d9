"""Start Callastar Portal with everything it needs: `python3 run.py --help`.

Standard library only. Keeps to what Python 3.7 can read, so that an old one gets a sentence, not a traceback.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parent
OLDEST_PYTHON = (3, 11)
LOG_CAP = 20 * 1024 * 1024
FLASK = ("flask", "--app", "wsgi")
GRACE = {"portal": 50.0}  # gunicorn lets requests finish for 45 s; the others have nothing to finish
HELP = """\
python3 run.py               install what is missing, start the portal, its jobs, database and local Stripe
python3 run.py test [...]    run the tests; the rest of the line goes to pytest
python3 run.py flask [...]   run a command of the portal, as: python3 run.py flask logs search
python3 run.py --help        this text

PORT               where the portal answers (8000)
HOST               the address it listens on (127.0.0.1)
PORTAL_INSTANCE    folder of local data; a second one, with another PORT, is a second portal (instance/)
DATABASE_URL       a PostgreSQL of your own (unset: one is started in PORTAL_INSTANCE)
STRIPE_SECRET_KEY  a Stripe account (unset: a local Stripe is started, no money moves)
WEB_CONCURRENCY    worker processes (1)

Every other variable reaches the portal as it is; README.md lists them."""


class RunError(Exception):
    """Something the person at the terminal can put right; its text says how."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C, or a signal that asks to stop."""


def say(text: str) -> None:
    """Tell the person at the terminal, at once; a terminal that is gone must not keep us from stopping."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


# --- what the environment asks for


@dataclass(frozen=True)
class Plan:
    """What is started, where, and on whose database and Stripe."""

    host: str
    port: int
    instance: Path
    own_database: bool  # the embedded PostgreSQL, ours to stop
    own_stripe: bool  # the local one, ours to start
    seeds: bool  # an empty database gets the demo; never beside a real Stripe account

    @property
    def logs(self) -> Path:
        return self.instance / "log"

    @property
    def near_host(self) -> str:
        """The address under which this machine reaches the portal."""
        return "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104

    @property
    def url(self) -> str:
        host = f"[{self.near_host}]" if ":" in self.near_host else self.near_host
        return f"http://{host}:{self.port}"


def plan_from(environ: Mapping[str, str], root: Path = ROOT) -> Plan:
    """Read the variables run.py itself understands."""
    real_stripe = bool(environ.get("STRIPE_SECRET_KEY"))
    instance = environ.get("PORTAL_INSTANCE")
    return Plan(
        host=environ.get("HOST") or "127.0.0.1",
        port=port_number(environ.get("PORT") or "8000"),
        instance=Path(instance).expanduser().resolve() if instance else root / "instance",
        own_database=not environ.get("DATABASE_URL"),
        own_stripe=not real_stripe and not environ.get("STRIPE_API_BASE"),
        seeds=not real_stripe and environ.get("PORTAL_ENV") != "production",
    )


def port_number(text: str) -> int:
    """The port that PORT names."""
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise RunError(f"PORT must be a number from 1 to 65535, not {text!r}.")


def child_environment(plan: Plan, environ: Mapping[str, str], stripe_port: int | None) -> dict[str, str]:
    """What every child gets: all of ours, and where things are."""
    given = {**environ, "PORT": str(plan.port), "HOST": plan.host, "PORTAL_INSTANCE": str(plan.instance)}
    given["PYTHONUNBUFFERED"] = "1"
    if not given.get("PUBLIC_URL"):
        given["PUBLIC_URL"] = plan.url
    if plan.own_stripe and stripe_port:
        given["STRIPE_API_BASE"] = f"http://127.0.0.1:{stripe_port}"
    return given


def check_python(version: tuple[int, ...], system: str, executable: str) -> None:
    """Refuse a Python that cannot run the portal."""
    if system != "posix":
        raise RunError("Callastar Portal runs on Linux and macOS; on Windows, start it inside WSL.")
    if version[:2] < OLDEST_PYTHON:
        this = ".".join(map(str, version[:3]))
        raise RunError(
            f"Callastar Portal needs Python 3.11 or newer; {executable} is Python {this}.\n"
            "Start it with a newer one, as: python3.11 run.py"
        )


# --- the .venv, made without pip and filled by the pip in vendor/


def venv_python(root: Path) -> Path:
    """The interpreter that runs the portal."""
    return root / ".venv" / "bin" / "python"


def stamp_path(root: Path) -> Path:
    """Written last, so that its presence means a finished install."""
    return root / ".venv" / "installed"


def interpreter_tag() -> str:
    """What compiled packages depend on."""
    return f"{sys.implementation.cache_tag}-{platform.machine()}"


def stamp(requirements: bytes, tag: str) -> str:
    """What a finished install notes: the interpreter, and these requirements."""
    return f"{tag} {hashlib.sha256(requirements).hexdigest()}"


def package_count(requirements: str) -> int:
    """How many packages the file pins."""
    lines = (line.strip() for line in requirements.splitlines())
    return sum(bool(line) and not line.startswith(("#", "-")) for line in lines)


def is_sound(root: Path) -> bool:
    """Whether an install of any requirements finished here and still stands, for this interpreter."""
    site = root / ".venv" / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
    return (
        venv_python(root).exists()
        and (root / ".venv" / "pyvenv.cfg").exists()
        and any(site.glob("*.dist-info"))
        and installed_stamp(root).startswith(interpreter_tag() + " ")
    )


def installed_stamp(root: Path) -> str:
    """The note of the last finished install, or nothing."""
    try:
        return stamp_path(root).read_text()
    except OSError:
        return ""


def is_installed(root: Path) -> bool:
    """Whether these requirements are installed."""
    wanted = stamp((root / "requirements.txt").read_bytes(), interpreter_tag())
    return installed_stamp(root) == wanted and is_sound(root)


def ensure_installed(root: Path, signals: Signals) -> None:
    """Make or mend the .venv; does nothing, quickly, when it is in order."""
    if is_installed(root):
        return
    with locked(root / "vendor", on_busy=lambda: wait_for_other_install(signals)):
        if not is_installed(root):
            install(root, signals)


def wait_for_other_install(signals: Signals) -> None:
    """Another run.py is installing: let it finish."""
    if not signals.told_to_wait:
        say("Another run.py is installing here; waiting for it…")
        signals.told_to_wait = True
    signals.pause(0.5)


def install(root: Path, signals: Signals) -> None:
    """Install requirements.txt; from scratch when the last install was cut short or is another Python's."""
    wanted = stamp((root / "requirements.txt").read_bytes(), interpreter_tag())
    if not is_sound(root):
        make_venv(root)
    stamp_path(root).unlink(missing_ok=True)
    pip_install(root, signals)
    stamp_path(root).write_text(wanted)


def make_venv(root: Path) -> None:
    """An empty .venv in the place of whatever was there."""
    try:
        import venv
    except ImportError as error:
        raise RunError("This Python lacks venv. On Debian and Ubuntu: apt install python3-venv") from error
    say(f"Making .venv (Python {platform.python_version()})…")
    try:
        venv.EnvBuilder(clear=True, symlinks=True, with_pip=False).create(root / ".venv")
    except (OSError, ValueError) as error:
        raise RunError(f"Could not make {root / '.venv'}: {error}") from error


def pip_wheel(root: Path) -> Path:
    """The one pip in vendor/."""
    wheels = sorted((root / "vendor").glob("pip-*.whl"))
    if not wheels:
        raise RunError(f"No pip wheel in {root / 'vendor'}: the checkout is incomplete.")
    return wheels[-1]


def pip_install(root: Path, signals: Signals) -> None:
    """Install requirements.txt with the vendored pip, telling how far it is."""
    count = package_count((root / "requirements.txt").read_text("utf-8"))
    log = root / ".venv" / "install.log"
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    command = [venv_python(root), pip_wheel(root) / "pip", "install", *options, "-r", "requirements.txt"]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", "PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore"}
    say(f"Installing {count} packages (the first time, a minute or so)…")
    begun = time.monotonic()
    child = Child.start("pip", log, [str(part) for part in command], environ, root)
    while child.runs(signals):
        show_progress(log, count)
    if child.process.returncode:
        hint = "The packages come over the network, from where pip is set to look."
        raise RunError(f"The packages could not be installed ({log}):\n{child.last_lines()}\n{hint}")
    say(f"Installed in {time.monotonic() - begun:.0f} s.")


def show_progress(log: Path, count: int) -> None:
    """On a terminal, how many packages pip has looked at."""
    if sys.stdout.isatty():
        done = len(re.findall(rb"(?m)^(?:Collecting|Processing) ", log.read_bytes()))
        print(f"  {min(done, count)} of {count}", end="\r", flush=True)


# --- locks, ports and what an instance remembers


@contextlib.contextmanager
def locked(folder: Path, on_busy: Callable[[], None]) -> Iterator[None]:
    """Hold this folder alone, at most until our process ends; calls `on_busy` while another holds it."""
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                on_busy()
        yield
    finally:
        os.close(handle)


def remembered(instance: Path) -> dict[str, Any]:
    """What the last start of this instance noted; nothing when it is unreadable."""
    try:
        notes = json.loads((instance / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def remember(instance: Path, notes: Mapping[str, object]) -> None:
    """Replace the notes in one step."""
    draft = instance / "run.json.new"
    draft.write_text(json.dumps(notes, indent=2) + "\n")
    draft.replace(instance / "run.json")


def bind_error(host: str, port: int) -> OSError | None:
    """Why nothing could listen there, or None."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return error
    return None


def check_port(plan: Plan) -> None:
    """Refuse to start where the portal could not listen."""
    error = bind_error(plan.host, plan.port)
    if isinstance(error, PermissionError):
        raise RunError(f"Port {plan.port} is reserved for root. Choose another: PORT=8080 python3 run.py")
    if error and bind_error(plan.host, 0):
        raise RunError(f"Cannot listen on HOST={plan.host}: {error.strerror or error}.")
    if error:
        raise RunError(f"Port {plan.port} is taken. Choose another: PORT={plan.port + 1} python3 run.py")


def choose_port(wish: object, taken: int) -> int:
    """The wished port of this machine when it is free, any free one otherwise."""
    if isinstance(wish, int) and 0 < wish < 65536 and wish != taken and not bind_error("127.0.0.1", wish):
        return wish
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port != taken:
            return port


def answers(host: str, port: int, path: str) -> bool:
    """Whether a server there answers in good health."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


# --- children


@dataclass
class Signals:
    """Counts the requests to stop; nothing is interrupted in the middle of a step."""

    asked: int = 0
    told_to_wait: bool = False

    def listen(self) -> None:
        """From now on Ctrl-C, a termination and a closed terminal are requests."""
        signal.signal(signal.SIGINT, self.note)
        signal.signal(signal.SIGTERM, self.note)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self.note)

    def note(self, number: int, _frame: object) -> None:
        """Count a request; while stopping only an impatient Ctrl-C counts again."""
        if number == signal.SIGINT or not self.asked:
            self.asked += 1

    def pause(self, seconds: float = 0.05) -> None:
        """Wait a moment. Raises Stopped once asked to."""
        if self.asked:
            raise Stopped
        time.sleep(seconds)


def end_with_parent() -> Callable[[], None] | None:
    """What a child does first, where the system can: ask to be stopped when run.py is killed."""
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    return lambda: prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


END_WITH_PARENT = end_with_parent()


@dataclass
class Child:
    """A program of ours, in a process group of its own: a Ctrl-C at the terminal reaches run.py alone."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    offset: int

    @classmethod
    def start(cls, name: str, log: Path, command: list[str], environ: Mapping[str, str], cwd: Path) -> Child:
        """Start it without a keyboard, its output appended to the log."""
        with open_log(log) as output:
            offset = output.tell()
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=END_WITH_PARENT,
            )
            return cls(name, process, log, offset)

    def runs(self, signals: Signals) -> bool:
        """Whether it still runs, after a moment. Ends it and raises Stopped when asked to stop."""
        try:
            signals.pause()
        except Stopped:
            self.end(5, signals)
            raise
        return self.process.poll() is None

    def end(self, seconds: float, signals: Signals) -> None:
        """Ask it to stop; kill it after this time, or on a second Ctrl-C."""
        self.process.terminate()
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline and signals.asked < 2:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: of a group of dead processes
            os.killpg(self.process.pid, signal.SIGKILL)  # also what it left behind, as a worker without its master
        self.process.wait()

    def last_lines(self, count: int = 20) -> str:
        """The end of what it wrote since it started."""
        with self.log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(self.offset, size - 20_000))
            lines = stream.read().decode("utf-8", "replace").splitlines()
        return "\n".join("  " + line for line in lines[-count:])


def open_log(path: Path) -> IO[bytes]:
    """A log to append to; one that has grown large is put aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_CAP:
        path.replace(path.with_name(path.name + ".1"))
    output = path.open("ab")
    output.seek(0, os.SEEK_END)
    return output


@dataclass
class Supervisor:
    """The children of one start: watched together, stopped in the reverse order."""

    plan: Plan
    environ: Mapping[str, str]
    signals: Signals
    root: Path = ROOT
    children: list[Child] = field(default_factory=list)

    def spawn(self, name: str, *arguments: str) -> Child:
        """Start one of the portal's programs, its output in its log."""
        log = self.plan.logs / f"{name}.log"
        command = [str(venv_python(self.root)), "-m", *arguments]
        return Child.start(name, log, command, self.environ, self.root)

    def serve(self, name: str, *arguments: str) -> None:
        """Start one that stays."""
        self.children.append(self.spawn(name, *arguments))

    def finish(self, name: str, *arguments: str) -> None:
        """Run one that ends, and insist on its success."""
        child = self.spawn(name, *arguments)
        try:
            while child.runs(self.signals):
                self.check()
        except RunError:
            child.end(5, self.signals)
            raise
        if child.process.returncode:
            raise died(child)

    def await_answer(self, host: str, port: int, path: str, seconds: float = 90) -> None:
        """Wait until a server answers."""
        deadline = time.monotonic() + seconds
        while not answers(host, port, path):
            self.check()
            self.signals.pause()
            if time.monotonic() > deadline:
                raise RunError(f"No answer from port {port} in {seconds:.0f} s; see {self.plan.logs}")

    def check(self) -> None:
        """Raise when one that should stay has ended."""
        for child in self.children:
            if child.process.poll() is not None:
                raise died(child)

    def watch(self) -> NoReturn:
        """Stay until asked to stop, or until a child dies."""
        while True:
            self.check()
            self.signals.pause(0.2)

    def stop(self) -> None:
        """Stop the portal, then its Stripe, then its database."""
        for child in reversed(self.children):
            child.end(GRACE.get(child.name, 10.0), self.signals)
        if self.plan.own_database:
            child = self.spawn("setup", "portal.database", "stop")
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(60)
            child.end(0, self.signals)
            if child.process.returncode:
                say(f"The database may still run; see {child.log}")


def died(child: Child) -> RunError:
    """What to say of a child that ended by itself."""
    code = child.process.returncode
    end = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    return RunError(f"{child.name} {end}. The end of {child.log}:\n{child.last_lines()}")


# --- the commands


def start(signals: Signals) -> None:
    """Start everything and stay until it is asked to stop."""
    plan = plan_from(os.environ)
    make_instance(plan.instance)
    with locked(plan.instance, on_busy=lambda: refuse_second(plan)):
        check_port(plan)
        ensure_installed(ROOT, signals)
        run_instance(plan, signals)


def make_instance(folder: Path) -> None:
    """The folder of local data; others may enter: started by root, PostgreSQL runs as a user of its own."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"Cannot make PORTAL_INSTANCE={folder}: {error.strerror}") from error


def refuse_second(plan: Plan) -> NoReturn:
    """Say where the running portal of this instance is."""
    notes = remembered(plan.instance)
    raise RunError(
        f"A portal already runs on {plan.instance}: {notes.get('url', 'it is starting')}\n"
        f"For a second one: PORTAL_INSTANCE=instance/second PORT={plan.port + 1} python3 run.py"
    )


def run_instance(plan: Plan, signals: Signals) -> None:
    """The children from first to last, in the order they need each other."""
    notes = remembered(plan.instance)
    stripe_port = choose_port(notes.get("stripe_port"), plan.port)
    notes |= {"pid": os.getpid(), "url": plan.url, "port": plan.port, "stripe_port": stripe_port}
    remember(plan.instance, notes)
    supervisor = Supervisor(plan, child_environment(plan, os.environ, stripe_port), signals)
    try:
        start_children(supervisor, notes)
        say(welcome(plan, supervisor.environ))
        supervisor.watch()
    finally:
        say("Stopping…")
        supervisor.stop()
        say("Stopped.")


def start_children(supervisor: Supervisor, notes: dict[str, Any]) -> None:
    """Local Stripe, then the database with its tables and demo, then the portal."""
    plan = supervisor.plan
    prepared = plan.own_database and notes.get("prepared") is True
    if plan.own_stripe:
        say("Starting the local Stripe…")
        supervisor.serve("stripe", *FLASK, "stripe-sandbox", "--port", str(notes["stripe_port"]))
    if not prepared or not is_ready_without_stripe(supervisor):
        prepare_with_stripe(supervisor, notes["stripe_port"])
    remember(plan.instance, {**notes, "prepared": plan.own_database and plan.seeds})
    say("Starting the portal…")
    supervisor.serve("portal", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app")
    supervisor.await_answer(plan.near_host, plan.port, "/healthz")


def is_ready_without_stripe(supervisor: Supervisor) -> bool:
    """Bring a database that had its demo up to date while the local Stripe still starts: saves a second."""
    say("Preparing the database…")
    try:
        supervisor.finish("setup", *FLASK, "demo", "seed")
    except RunError:
        return False
    return True


def prepare_with_stripe(supervisor: Supervisor, stripe_port: int) -> None:
    """Tables up to date and, in an empty database, the demo, whose accounts are made at the local Stripe."""
    if supervisor.plan.own_stripe:
        supervisor.await_answer("127.0.0.1", stripe_port, "/")
    if not supervisor.plan.seeds:
        say("Preparing the database…")
        return supervisor.finish("setup", *FLASK, "db", "upgrade")
    begun = time.monotonic()
    say("Preparing the database and, if it is empty, the demo…")
    supervisor.finish("setup", *FLASK, "demo", "seed")
    say(f"Prepared in {time.monotonic() - begun:.0f} s.")


def welcome(plan: Plan, environ: Mapping[str, str]) -> str:
    """The block that says where everything is."""
    rows = [("Address", plan.url)]
    if plan.seeds:
        condition = "" if plan.own_database else " (where the database was empty)"
        rows += [("Sign in as", f"admin@callastar.test, creator@callastar.test or user@callastar.test{condition}")]
        rows += [("Password", "callastar-demo")]
    stripe = environ.get("STRIPE_API_BASE") or "the account of STRIPE_SECRET_KEY"
    rows += [("Local Stripe" if plan.own_stripe else "Stripe", stripe)]
    rows += [] if plan.own_database else [("Database", "that of DATABASE_URL")]
    rows += [("Local data", str(plan.instance)), ("Logs", str(plan.logs)), ("To stop", "Ctrl-C")]
    lines = [f"  {name:<14}{value}" for name, value in rows]
    return "\n".join(["", "Callastar Portal is running.", *lines, ""])


def run_tests(signals: Signals, arguments: list[str]) -> NoReturn:
    """Become pytest."""
    ensure_installed(ROOT, signals)
    become(["pytest", *arguments], os.environ)


def run_flask(signals: Signals, arguments: list[str]) -> NoReturn:
    """Become the portal's command line, with the environment of this instance."""
    ensure_installed(ROOT, signals)
    notes = remembered(plan_from(os.environ).instance)
    environ = {"PORT": str(notes.get("port", "")), **os.environ}
    become([*FLASK, *arguments], child_environment(plan_from(environ), environ, notes.get("stripe_port")))


def become(module: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Replace this process, so that its signals and exit status are the program's own."""
    os.chdir(ROOT)
    python = str(venv_python(ROOT))
    os.execve(python, [python, "-m", *module], dict(environ))  # noqa: S606 - our own program, no shell meant


def dispatch(arguments: list[str], signals: Signals) -> None:
    """Do what the command line says."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command in ("-h", "--help", "help"):
        say(HELP)
    elif command == "test":
        run_tests(signals, rest)
    elif command == "flask":
        run_flask(signals, rest)
    elif command:
        raise RunError(f"run.py has no command {command!r}.\n\n{HELP}")
    else:
        start(signals)


def main(arguments: list[str]) -> int:
    """The exit status of one call of run.py."""
    signals = Signals()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no UTF-8
    try:
        check_python(tuple(sys.version_info[:3]), os.name, sys.executable)
        signals.listen()
        dispatch(arguments, signals)
    except (RunError, OSError) as error:  # also a full disk, or a folder of someone else's
        print(error, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
