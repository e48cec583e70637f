"""JupyterHub for one class on one machine. `make hub` starts it; so does `jupyterhub -f THIS_FILE`.

What belongs to the class lies in one folder, HUB_HOME (default: _build/hub): the names in students.txt, the
two passwords, the database, each student's folder in homes/, and the course in course/live.git. Any setting
below can be given to `jupyterhub`, or to `make hub`, as an option too: `--Spawner.mem_limit=1G`.
"""

import os
import secrets
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COURSE = HERE.parent.parent
CORES = os.cpu_count() or 1
HOME = Path(os.environ.get("HUB_HOME", COURSE / "_build" / "hub")).resolve()
sys.path.insert(0, str(HERE))  # limits.py and spawners.py lie beside this file

c = get_config()  # noqa: F821 (JupyterHub gives it to this file)
os.umask(0o077)  # database, cookie secret and log are for the hub alone
for folder in (HOME, HOME / "homes"):
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # each student finds the own folder, and no list of the others'


def kept(name: str, make) -> str:
    """A line that is made once and then stays in a file of HOME."""
    file = HOME / name
    if not file.exists():
        file.write_text(make() + "\n")
        file.chmod(0o600)
    return file.read_text().strip()


# ---- where it listens: this machine only. Others reach it through a web server that speaks TLS.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:8081"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:8001"
c.ConfigurableHTTPProxy.pid_file = str(HOME / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{HOME}/hub.sqlite"
c.JupyterHub.cookie_secret_file = str(HOME / "cookie-secret")

# ---- who may come in: the names in students.txt, by a password that the class shares. Whoever has it can
# enter under any of these names, so it is for a rehearsal and for people who trust each other.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = kept("class-password", lambda: secrets.token_hex(6))
c.SharedPasswordAuthenticator.admin_password = kept("admin-password", lambda: secrets.token_hex(16))
c.Authenticator.allowed_users = set(kept("students.txt", lambda: "student01\nstudent02").split())
c.Authenticator.admin_users = {"instructor"}
c.Authenticator.username_pattern = r"[a-z][a-z0-9-]{0,19}"

# The login of your institution instead (pip install oauthenticator; for Moodle and Canvas
# jupyterhub-ltiauthenticator). `allowed_users` then holds the names that it gives, and `username_pattern`
# must let them pass. To begin with, and not tried against a real login:
# c.JupyterHub.authenticator_class = "generic-oauth"
# c.GenericOAuthenticator.client_id = "…"
# c.GenericOAuthenticator.client_secret = os.environ["OAUTH_CLIENT_SECRET"]
# c.GenericOAuthenticator.authorize_url = "https://login.example.org/oauth2/authorize"
# c.GenericOAuthenticator.token_url = "https://login.example.org/oauth2/token"
# c.GenericOAuthenticator.userdata_url = "https://login.example.org/oauth2/userinfo"
# c.GenericOAuthenticator.username_claim = "preferred_username"
# c.GenericOAuthenticator.oauth_callback_url = "https://hub.example.org/hub/oauth_callback"

# ---- as whom a student's server runs: root gives each a system user; anyone else is all of them.
own_users = os.geteuid() == 0 and sys.platform == "linux" and "HUB_ONE_USER" not in os.environ
c.JupyterHub.spawner_class = "spawners.OwnUser" if own_users else "spawners.OneUser"
c.Limited.homes = str(HOME / "homes")
c.OneUser.home_dir_template = str(HOME / "homes" / "{username}")
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]  # in the environment of the course
c.Spawner.args = [
    "--LabApp.news_url=",
    "--LabApp.extension_manager=readonly",
    f"--LabApp.app_settings_dir={COURSE / 'tools' / 'lab'}",
    "--KernelManager.transport_encryption=auto",
    "--LanguageServerManager.autodetect=False",  # looks for npm at every start, and finds no language server
    *(["--allow-root"] if os.geteuid() == 0 and not own_users else []),
]
c.Spawner.environment = {
    "PYTHONHASHSEED": "0",  # sets print in the order that the text shows
    "OPENBLAS_NUM_THREADS": "1",  # small matrices: more threads would only spin
    "GIT_CONFIG_SYSTEM": str(HOME / "course" / "gitconfig"),  # says that live.git may be read
}

# ---- how much a student may use. These hold: see limits.py.
c.Spawner.mem_limit = "2G"
c.Spawner.cpu_limit = max(1.0, CORES / 2)
c.JupyterHub.active_server_limit = len(c.Authenticator.allowed_users) + 1
c.JupyterHub.concurrent_spawn_limit = 20 * CORES  # a start takes two seconds of one; more are asked to wait
c.Spawner.start_timeout = c.Spawner.http_timeout = 180
c.LocalProcessSpawner.interrupt_timeout = 10

# ---- a server at which nobody works stops after an hour; files stay.
idle = f"--timeout={os.environ.get('HUB_IDLE_S', 3600)}"
c.JupyterHub.services = [{"name": "idle", "command": [sys.executable, "-m", "jupyterhub_idle_culler", idle]}]
c.JupyterHub.load_roles = [
    {
        "name": "idle",
        "services": ["idle"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    }
]
