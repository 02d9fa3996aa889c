"""Folders and packages of one name: `web/web`, `gateway/gateway`.

pytest names a test module after its folders (`web.tests.test_pages`) and would take the folder `web` for the package
of that name, unless the package is known before.
"""

import contextlib
import importlib

for name in ("gateway", "web"):
    with contextlib.suppress(ModuleNotFoundError):  # a service's tests also run where only its own package is installed
        importlib.import_module(name)
