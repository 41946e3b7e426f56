"""Build the artifact, and the template that names it, into a folder that SAM can upload from.

The artifact is normally built by this program, without Docker (see `ops/build/artifact.py`), and `sam build`
only copies it. With a container, `sam build` compiles it from the sources and the requirements.
"""

import shutil
from collections.abc import Generator, Mapping
from pathlib import Path

from triggers_api.ops.aws import Aws
from triggers_api.ops.build.artifact import Artifact, build, copy_service
from triggers_api.ops.build.paths import DEPLOY, PACKAGE
from triggers_api.ops.build.scratch import explain_local_errors
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.deploy.progress import Built, Progress
from triggers_api.ops.deploy.sam import Sam
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.status import deployed_code_size


def build_package(
    folder: Path,
    tool: Sam,
    aws: Aws,
    *,
    template: Template,
    parameters: Mapping[str, str],
    stack: Stack | None,
    environment: Mapping[str, str],
    use_container: bool,
) -> Generator[Progress, None, Path]:
    """Build into `folder`, and return the template that SAM deploys.

    Raises:
        BuildError: The artifact could not be built, or `sam build` failed.
        LocalEnvironmentError: The folder could not be written, for example because the disk is full.
    """
    with explain_local_errors():
        source, artifact = _write_sources(
            folder, template, parameters, environment, use_container=use_container
        )
    if artifact is not None:
        yield Built(artifact.zipped_bytes, deployed_code_size(aws, stack), artifact.compiled_by)
        if artifact.warning:
            yield Finding("bytecode", State.WARNING, *artifact.warning)
    return tool.build(aws, source, folder / "built", parameters=parameters, use_container=use_container)


def _write_sources(
    folder: Path,
    template: Template,
    parameters: Mapping[str, str],
    environment: Mapping[str, str],
    *,
    use_container: bool,
) -> tuple[Path, Artifact | None]:
    """Write the inputs of `sam build`. Return the template, and the artifact unless SAM builds that."""
    code = folder / "code"
    artifact = build_method = None
    if use_container:
        copy_service(code / PACKAGE.name)
        shutil.copy(DEPLOY / "requirements.txt", code)
        build_method = parameters["Runtime"]
    else:
        artifact = build(
            code,
            runtime=parameters["Runtime"],
            architecture=parameters["Architecture"],
            environment=environment,
        )
    path = folder / "template.yaml"
    text = template.sam_template(
        code=code, cors_allow_origin=parameters["CorsAllowOrigin"], build_method=build_method
    )
    path.write_text(text, encoding="utf-8")
    return path, artifact
