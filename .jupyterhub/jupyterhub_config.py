"""One server for a room, started in the workbook's folder: everybody gets a copy of their own.

jupyterhub -f .jupyterhub/jupyterhub_config.py
"""

import os
import sys
from pathlib import Path

from cxlab.workbook.workshop import write_copies

c = get_config()  # noqa: F821
root = Path.cwd()  # the workbook's folder
rooms = Path(os.environ.get("CXLAB_ROOMS", root / "workshop" / "rooms"))
rooms.mkdir(parents=True, exist_ok=True)

c.JupyterHub.bind_url = os.environ.get("CXLAB_HUB", "http://127.0.0.1:8000")
c.JupyterHub.spawner_class = "simple"  # a process of this machine; no account is needed
c.JupyterHub.authenticator_class = "dummy"  # a closed room: any name, one password for all
c.DummyAuthenticator.password = os.environ["CXLAB_PASSWORD"]
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = "[a-z0-9-]{1,30}"  # a name is a folder's name
c.JupyterHub.cookie_secret_file = str(rooms / ".cookie")
c.JupyterHub.db_url = f"sqlite:///{rooms / '.hub.sqlite'}"
c.ConfigurableHTTPProxy.pid_file = str(rooms / ".proxy.pid")
c.Spawner.cmd = [str(Path(sys.executable).parent / "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab"
c.Spawner.args = ["--allow-root"] if os.geteuid() == 0 else []
c.Spawner.start_timeout = c.Spawner.http_timeout = 180  # a whole room signs in at once
c.SimpleLocalProcessSpawner.home_dir_template = str(rooms / "{username}")
c.Spawner.environment = {"CXLAB_HOME": str(root), "OMP_NUM_THREADS": "1"}
# The attendee's copy; what they wrote before is kept.
c.Spawner.pre_spawn_hook = lambda spawner: write_copies(rooms / spawner.user.name) and None
