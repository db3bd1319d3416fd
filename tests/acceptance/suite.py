"""A whole suite started for a test: in one process on embedded parts, or each module in its own process on PostgreSQL, RabbitMQ and Redis with mTLS.

Suite("embedded", folder) and Suite("distributed", folder) offer the same: a test written once runs on both. Everything a suite
writes lies in its folder; everything listens on loopback. stop() ends all of it, also after a failed start.
"""
import contextlib
import html.parser
import http.cookiejar
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / os.environ.get("COMPAGNON_PRESET", "release")
COMPAGNON = BUILD / "services" / "compagnon" / "compagnon"
DOUBLE = BUILD / "tests" / "moodle_double" / "moodle_double"
MODULES = ("moodle", "analytics", "edge")


def shared():
    """The folder of reference data; tests that need it carry the label `shared`."""
    return pathlib.Path(os.environ.get("COMPAGNON_SHARED", ROOT.parent / "shared"))


def scratch():
    """Where tests lay their folders: under .run of the checkout, never in the machine's /tmp."""
    folder = ROOT / ".run" / "acceptance"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, condition, seconds=60, every=0.2):
    """Polls until condition() is true; the machine may be slow, so the bound is generous and only its passing is an error."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            last = condition()
            if last:
                return last
        except (OSError, AssertionError) as error:
            last = error
        time.sleep(every)
    raise AssertionError(f"not within {seconds} s: {what} (last: {last!r})")


class Services:
    """PostgreSQL, RabbitMQ and Redis of one test, apart from everybody else's, so that it may stop and kill them."""

    def __init__(self, folder):
        self.environment = dict(os.environ, COMPAGNON_SERVICES_DIR=str(folder))
        self.folder = folder

    def run(self, verb, server="all"):
        subprocess.run(["bash", str(ROOT / "tools" / "services" / f"{server}.sh"), verb], env=self.environment, check=True,
                       stdout=subprocess.DEVNULL)

    def port(self, server):
        return int((self.folder / server / "port").read_text())

    def sql(self, text, database="postgres", user="postgres"):
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port("postgres")),
                               "-U", user, "-d", database], input=text, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr}")
        return done.stdout.strip()


class Certificates:
    """A certificate authority of the test, and one certificate per module for 127.0.0.1 and the module's name."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
                      "-subj", "/CN=compagnon test authority")
        for module in MODULES:
            (folder / f"{module}.ext").write_text(f"subjectAltName=DNS:{module},DNS:localhost,IP:127.0.0.1\n")
            self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{module}.key",
                          "-out", f"{module}.csr", "-subj", f"/CN={module}")
            self._openssl("x509", "-req", "-in", f"{module}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                          "-extfile", f"{module}.ext", "-out", f"{module}.pem")
            # The modules' signing keys: Ed25519, the public halves known to all.
            self._openssl("genpkey", "-algorithm", "ed25519", "-out", f"{module}.sign.key")
            self._openssl("pkey", "-in", f"{module}.sign.key", "-pubout", "-out", f"{module}.sign.pub")
        for key in folder.glob("*.key"):
            key.chmod(0o600)

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


class Suite:
    def __init__(self, parts, folder, environment="test", extra="", dimensions=ROOT / "tests/moodle_double/dimensions.toml", lease_ms=30000):
        assert parts in ("embedded", "distributed")
        self.parts = parts
        self.lease_ms = lease_ms
        self.folder = pathlib.Path(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.dimensions = dimensions
        self.processes = {}
        self.doubles = []
        self.services = None
        self.edge_port = free_port()
        self.url = f"http://127.0.0.1:{self.edge_port}"
        self.rpc_ports = {module: free_port() for module in MODULES}
        self.metrics_ports = {module: free_port() for module in ("all",) + MODULES}
        if parts == "distributed":
            self.services = Services(self.folder / "services")
            self.services.run("start")
            self.services.sql("CREATE DATABASE compagnon;")
            for module in MODULES:
                self.services.sql(f"CREATE ROLE compagnon_{module} LOGIN; GRANT CREATE, CONNECT ON DATABASE compagnon TO compagnon_{module};")
            self.certificates = Certificates(self.folder / "pki")
            self._secret("rabbit", "guest")
        for name in ("all",) + MODULES:
            self._write_config(name, environment, extra)

    # --- configuration ---

    def _secret(self, name, value):
        path = self.folder / f"{name}.secret"
        path.write_text(value + "\n")
        path.chmod(0o600)
        return path

    def config(self, module="all"):
        return self.folder / f"{module}.toml"

    def _write_config(self, module, environment, extra):
        data = self.folder / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        if not (self.folder / "moodle_key.secret").exists():
            self._secret("moodle_key", os.urandom(32).hex())
        lines = [f'environment = "{environment}"', f'data_dir = "{data}"', 'modules = ["moodle", "analytics", "edge"]', ""]
        if self.parts == "distributed":
            pki = self.certificates.folder
            lines += ["[store]", 'backend = "postgresql"',
                      f'postgresql_url = "host=127.0.0.1 port={self.services.port("postgres")} dbname=compagnon"', "",
                      "[bus]", 'backend = "rabbitmq"', f"port = {self.services.port('rabbitmq')}", 'user = "guest"',
                      f'password_file = "{self.folder / "rabbit.secret"}"', "",
                      "[keys]", 'backend = "redis"', f"port = {self.services.port('redis')}", ""]
            if module != "all":
                lines += ["[rpc]", f'listen = "127.0.0.1:{self.rpc_ports[module]}"', f'ca_file = "{pki}/ca.pem"', f'cert_file = "{pki}/{module}.pem"',
                          f'key_file = "{pki}/{module}.key"', f'signing_key_file = "{pki}/{module}.sign.key"', "",
                          "[rpc.addresses]"] + [f'{m} = "127.0.0.1:{p}"' for m, p in self.rpc_ports.items()] + \
                         ["", "[rpc.public_key_files]"] + [f'{m} = "{pki}/{m}.sign.pub"' for m in MODULES] + [""]
        lines += ["[metrics]", f'listen = "127.0.0.1:{self.metrics_ports[module]}"', "",
                  "[edge]", f'listen = "127.0.0.1:{self.edge_port}"', f'public_url = "{self.url}"', "",
                  "[moodle]", f'key_file = "{self.folder / "moodle_key.secret"}"', "allow_private_addresses = true", "poll_active_ms = 200",
                  "poll_idle_ms = 1000", f"lease_ms = {self.lease_ms}", f'dimensions_file = "{self.dimensions}"' if self.dimensions else "", "",
                  "[analytics]", "recompute_ms = 300", extra]
        self.config(module).write_text("\n".join(lines) + "\n")

    # --- processes ---

    def names(self):
        return ("all",) if self.parts == "embedded" else MODULES

    def start(self, *names):
        for name in names or self.names():
            self.launch(name)
        for name in names or self.names():
            self.wait_ready(name)
        return self

    def launch(self, name):
        modules = [] if name == "all" else [name]
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen([str(COMPAGNON), "--config", str(self.config(name)), "serve", *modules], stdout=log, stderr=log,
                                                    stdin=subprocess.DEVNULL, cwd=self.folder)

    def wait_ready(self, name, seconds=60, every=0.1):
        def ready():
            process = self.processes[name]
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with {process.returncode}:\n" + self.log(name)[-3000:])
            if name in ("all", "edge"):
                with urllib.request.urlopen(self.url + "/healthz", timeout=5) as answer:
                    return answer.status == 200
            return subprocess.run([str(COMPAGNON), "--config", str(self.config(name)), "probe", f"127.0.0.1:{self.rpc_ports[name]}", "ready"],
                                  capture_output=True, check=False).returncode == 0
        wait_until(f"{name} is ready", ready, seconds, every)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def kill(self, name):
        """kill -9: what a power cut leaves."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def cli(self, *arguments, check=True, module=None, **options):
        name = module or ("all" if self.parts == "embedded" else "moodle")
        done = subprocess.run([str(COMPAGNON), "--config", str(self.config(name)), *map(str, arguments)], text=True, capture_output=True, check=False,
                              cwd=self.folder, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"compagnon {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def rows(self, module, sql):
        """What a module's own tables answer, each row a list of texts. Its tables may not be there yet: then AssertionError, as when nobody answers."""
        if self.parts == "distributed":
            said = self.services.sql(f"SET search_path = {module}; {sql};", database="compagnon")
            return [line.split("|") for line in said.splitlines()]
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.folder / 'data' / module}.db?mode=ro", uri=True)) as database:
                return [["" if value is None else str(value) for value in row] for row in database.execute(sql)]
        except sqlite3.Error as error:
            raise AssertionError(str(error)) from error

    def stop(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        for double in self.doubles:
            double.stop()
        self.doubles.clear()
        if self.services:
            self.services.run("stop")

    # --- people ---

    def sign_in(self, profile="coordinator", scopes=("*",), person="person-1", language="fr"):
        arguments = ["sign-in", "--person", person, "--profile", profile]
        for scope in scopes:
            arguments += ["--scope", scope]
        said = self.cli(*arguments, module="edge" if self.parts == "distributed" else None).stdout
        link = re.search(r"https?://\S+", said)
        assert link, said
        browser = Browser(self.url, language)
        page = browser.get(link.group(0))
        assert page.status == 200, page.text
        browser.submit(page)
        return browser


class Page:
    def __init__(self, status, url, headers, body):
        self.status, self.url, self.headers, self.body = status, url, headers, body
        self.text = body.decode("utf-8", "replace")

    def words(self):
        """What a person reads: the text without tags, styles and runs of space."""
        reader = _Words()
        reader.feed(self.text)
        return " ".join(" ".join(reader.parts).split())

    def links(self):
        return re.findall(r'href="([^"]+)"', self.text)


class _Words(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts, self.skip = [], 0

    def handle_starttag(self, tag, attrs):
        self.skip += tag in ("style", "script")

    def handle_endtag(self, tag):
        self.skip -= tag in ("style", "script")

    def handle_data(self, data):
        if not self.skip:
            self.parts.append(data)


class Browser:
    """A person's browser without JavaScript: cookies, links and forms."""

    def __init__(self, base, language="fr"):
        self.base, self.language = base, language
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def get(self, url, **headers):
        return self._open(urllib.request.Request(urllib.parse.urljoin(self.base, url), headers=self._headers(headers)))

    def post(self, url, fields, **headers):
        data = urllib.parse.urlencode(fields).encode()
        return self._open(urllib.request.Request(urllib.parse.urljoin(self.base, url), data=data,
                                                 headers=self._headers({"Origin": self.base, **headers})))

    def submit(self, page, action_contains=""):
        """Submits the page's first form whose action holds the text, with its hidden fields."""
        for form in re.findall(r"<form\b.*?</form>", page.text, flags=re.S):
            action = re.search(r'action="([^"]*)"', form)
            target = action.group(1).replace("&amp;", "&") if action else page.url
            if action_contains in target and re.search(r'method="post"', form, re.I):
                fields = {}
                for field in re.findall(r"<input\b[^>]*>", form):
                    name, value = re.search(r'name="([^"]*)"', field), re.search(r'value="([^"]*)"', field)
                    if name:
                        fields[name.group(1)] = value.group(1) if value else ""
                return self.post(urllib.parse.urljoin(page.url, target), fields)
        raise AssertionError(f"no form on {page.url}: {page.text[:2000]}")

    def _headers(self, headers):
        return {"Accept-Language": self.language, "Accept-Encoding": "identity", **headers}

    def _open(self, request):
        try:
            with self.opener.open(request, timeout=30) as answer:
                return Page(answer.status, answer.url, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Page(error.code, error.url, error.headers, error.read())


def json_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Double:
    """The simulated Moodle of a test, and its control endpoint."""

    def __init__(self, folder, sites="sn1:Plateforme Sénégal:Africa/Dakar", learners=60, weeks=8, seed=1, backlog=0, live_rate=0, extra=()):
        folder.mkdir(parents=True, exist_ok=True)
        ready = folder / "moodle.json"
        ready.unlink(missing_ok=True)
        self.log = open(folder / "moodle.log", "ab")
        self.process = subprocess.Popen([str(DOUBLE), "--port", "0", "--sites", sites, "--learners", str(learners), "--weeks", str(weeks), "--seed",
                                         str(seed), "--backlog", str(backlog), "--live-rate", str(live_rate), "--ready-file", str(ready), *extra],
                                        stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        wait_until("the simulated Moodle answers", lambda: ready.exists() and ready.read_text().strip().endswith("}"))
        said = json.loads(ready.read_text())
        self.port, self.sites = said["port"], {site["code"]: site for site in said["sites"]}

    def control(self, action, **parameters):
        url = f"http://127.0.0.1:{self.port}/control/{action}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(urllib.request.Request(url, data=b"", method="POST"), timeout=60) as answer:
            body = answer.read().decode("utf-8")
        try:
            return json.loads(body)
        except ValueError:
            return body

    def export(self, code, kind):
        """What the site's bridge exports of one kind, as its web service answers it to whoever holds the token: (the bytes, the states)."""
        site, states, raw, after = self.sites[code], [], b"", 0
        while True:
            fields = {"wstoken": site["token"], "moodlewsrestformat": "json", "wsfunction": "local_compagnon_export", "kind": kind,
                      "after_id": after, "limit": 2000, "hashes": 0, "courseid": 0}
            with urllib.request.urlopen(site["url"] + "/webservice/rest/server.php", data=urllib.parse.urlencode(fields).encode(), timeout=60) as answer:
                body = answer.read()
            page = json.loads(body)
            raw += body
            states += [json.loads(line)["state"] for line in page["rows"].splitlines()]
            after = page["next"]
            if page["done"]:
                return raw, states

    def add_to(self, suite, code):
        site = self.sites[code]
        token = suite._secret(f"{code}.token", site["token"])
        suite.cli("site", "add", "--code", code, "--title", site["title"], "--url", site["url"], "--time-zone", site["zone"], "--token-file", token)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
