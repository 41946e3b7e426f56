"""Entry points of the service: `app` for an ASGI server, `handler` for Lambda.

A wrong setting ends the process with one line that names the variable. What stands around the imports
shortens the cold start and changes nothing else.
"""

import gc

# Nearly all objects created here live as long as the process: scanning them again and again took more than
# a tenth of the cold start.
gc.disable()

from pydantic import BaseModel

# FastAPI defines some forty models of OpenAPI that no request needs. Deferred, each model is built at its
# first use: 8 % fewer instructions.
BaseModel.model_config["defer_build"] = True

import os
import sys

from triggers_api.api import logs
from triggers_api.api.docs import installed_assets
from triggers_api.api.factory import build_app
from triggers_api.api.lambda_event import build_handler
from triggers_api.api.schedule import with_schedule
from triggers_api.api.web_access import EVERY_ADDRESS, local_access
from triggers_api.api.workers import tune_interpreter
from triggers_api.errors import ConfigurationError
from triggers_api.settings import Settings

try:
    settings = Settings.from_environment(os.environ)
    # The address is unknown here: accept every IP address, and of the names only localhost.
    access = local_access(settings, hosts=[EVERY_ADDRESS]) if settings.auth_mode == "local" else None
    app = build_app(settings, docs_assets=installed_assets(), access=access)
except ConfigurationError as error:
    sys.exit(f"triggers-api: {error.message} ({error.reason}) {error.hint}".replace(" ()", ""))

logs.configure(settings.log_level, in_lambda=settings.in_lambda)
handler = with_schedule(
    build_handler(app, cors_allow_origin=settings.cors_allow_origin), app.state.service, settings
)

del BaseModel.model_config["defer_build"]  # models that other code defines in this process are not ours
if settings.in_lambda:
    gc.freeze()  # exclude all existing objects from every later collection
else:
    tune_interpreter()
gc.enable()
