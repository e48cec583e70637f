"""Run by the Python of the hub on Kubernetes: which settings its classes have, and which values they refuse.

Reads {class: {trait: value}} as JSON, and writes what tests/test_hub_k8s.py asks about.
"""

import json
import sys
from importlib import import_module, metadata

import traitlets
from jupyterhub.scopes import scope_definitions

CLASSES = {
    "JupyterHub": "jupyterhub.app",
    "Authenticator": "jupyterhub.auth",
    "GenericOAuthenticator": "oauthenticator.generic",
    "KubeSpawner": "kubespawner",
}


def refused(kind: type, settings: dict) -> list[str]:
    """What a class does not know, or does not take."""
    known, found = kind.class_traits(config=True), []
    for name, value in settings.items():
        if name not in known:
            found.append(f"{kind.__name__} has no {name}")
            continue
        as_set = isinstance(known[name], traitlets.Set)  # YAML has none, so the hub makes one of a list
        try:
            known[name]._validate(kind(), set(value) if as_set else value)
        except traitlets.TraitError as error:
            found.append(f"{kind.__name__}.{name}: {error}")
    return found


def main() -> None:
    settings = json.load(sys.stdin)
    kinds = {name: getattr(import_module(module), name) for name, module in CLASSES.items()}
    unknown = [f"there is no class {name}" for name in settings.keys() - kinds.keys()]
    for name in settings.keys() & kinds.keys():
        unknown += refused(kinds[name], settings[name])
    logins = metadata.entry_points(group="jupyterhub.authenticators")
    told = {
        "refused": unknown,
        "spawner": sorted(kinds["KubeSpawner"].class_traits(config=True)),
        "scopes": sorted(scope_definitions),
        "logins": sorted(each.name for each in logins),
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
