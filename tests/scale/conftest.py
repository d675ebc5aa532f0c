"""What lies past one machine is tested in an environment of its own: see `make test-scale`."""

from importlib.util import find_spec

if find_spec("chdb") is None or find_spec("ray") is None:
    collect_ignore_glob = ["*"]
