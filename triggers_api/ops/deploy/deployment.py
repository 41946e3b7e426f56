"""Run a deployment as a sequence of stages.

    preflight   Run the quick checks. The first failure ends the deployment before anything is built.
    clear       Delete a stack that is empty or whose first create failed: CloudFormation cannot update it.
    build       Build the artifact, and the copy of the template that names it, in a temporary folder.
    adopt       Import tables that an earlier stack kept, through an IMPORT change set.
    change set  Let SAM upload the artifact and create a change set, then propose it.
    apply       Let CloudFormation execute the change set, and report its events.

Whatever can fail without a trace comes first. Building follows the checks because it takes longest. Adopting
follows building because a failed build must not leave half a stack behind.

The stages are one generator of progress events. Three events are decisions: an `Obstacle`, a `Downgrade` and
a `Proposal`. The caller agrees by taking the next event, and declines by closing the generator. Declining, a
plan, Ctrl-C and errors therefore share one way out, the `finally` blocks, in which each stage deletes what it
created.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import PreflightError
from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_errors import operator_error
from triggers_api.ops.build.scratch import scratch_folder
from triggers_api.ops.build.uv import find_uv
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.cloudformation.versions import deployed_version, is_downgrade
from triggers_api.ops.deploy import preflight
from triggers_api.ops.deploy.adopt import describe_tables
from triggers_api.ops.deploy.changes import StackChanges
from triggers_api.ops.deploy.clear import check_plannable, clear_stack
from triggers_api.ops.deploy.package import build_package
from triggers_api.ops.deploy.parameters import settle_parameters, settle_protection, warn_about_dropped
from triggers_api.ops.deploy.progress import Downgrade, Progress, Step
from triggers_api.ops.deploy.sam import Sam, find_sam
from triggers_api.ops.deploy.shards import check_adopted_shards, check_lowered_shards
from triggers_api.ops.deploy.uploads import remove_uploads
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.target import Setting, Target
from triggers_api.version import VERSION


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """The request of the command. `given` holds stack parameters, each with its origin."""

    target: Target
    given: Mapping[str, Setting]
    environment: Mapping[str, str] = field(repr=False)
    adopt: bool = False
    plan: bool = False
    use_container: bool = False
    disable_rollback: bool = False


def deploy(options: DeployOptions, aws: Aws, *, today: date) -> Generator[Progress, None, None]:
    """Deploy, and yield progress and decisions; see the module's description.

    Raises:
        PreflightError: A check failed; nothing was built or changed.
        BuildError: The artifact could not be built; nothing was changed.
        DeploymentError: A change set was rejected, or CloudFormation could not execute it.
        OperatorError: An AWS call failed.
    """
    try:
        yield from _Deployment(options, aws, Template.load()).run(today)
    except (ClientError, BotoCoreError) as error:
        raise operator_error(error, options.target, aws.region) from error


class _Deployment:
    def __init__(self, options: DeployOptions, aws: Aws, template: Template) -> None:
        self._options, self._aws, self._template = options, aws, template
        self._cloudformation = CloudFormation(aws.client("cloudformation"), options.target.stack_name.value)
        self._changes = StackChanges(
            aws, self._cloudformation, plan_only=options.plan, disable_rollback=options.disable_rollback
        )

    def run(self, today: date) -> Iterator[Progress]:
        yield Step("preflight", "Running the preflight checks.")
        find_uv()
        tool = find_sam(self._options.environment)
        stack = self._cloudformation.stack()
        given = self._options.given
        parameters = settle_parameters(given, stack, self._template, stage=self._options.target.stage.value)
        yield from self._preflight(stack, parameters, today)
        if stack is not None and is_downgrade(stack):
            yield Downgrade(deployed_version(stack), VERSION)

        if stack is not None and (stack.is_empty or stack.create_failed):
            yield from self._clear(stack, parameters)
            stack = None
        kept: Mapping[str, str] = {}
        if stack is None:
            kept = preflight.find_kept_tables(self._aws, self._cloudformation, stack)
            if "EventsTable" in kept:
                yield from _stop_at_failure(check_adopted_shards(self._aws, parameters))
            yield from settle_protection(self._aws, given, kept, parameters)
        tables = describe_tables(self._aws, kept, self._template.properties(kept))

        with scratch_folder() as folder:
            yield Step("build", f"Building for {parameters['Runtime']} on {parameters['Architecture']}.")
            built = yield from build_package(
                folder,
                tool,
                self._aws,
                template=self._template,
                parameters=parameters,
                stack=stack,
                environment=self._options.environment,
                use_container=self._options.use_container,
            )
            if kept:
                import_template = self._template.import_template(tables)
                yield from self._changes.adopt_tables(kept, import_template, parameters)
            if not self._options.plan:
                yield from self._changes.update_stack(tool, built, parameters, stack, given=given)
            elif not kept:  # the stack of an adoption does not exist yet, so nothing more can be planned
                yield from self._plan_update(tool, built, parameters, stack)

    def _preflight(
        self, stack: Stack | None, parameters: Mapping[str, str], today: date
    ) -> Iterator[Progress]:
        access_logs = parameters["AccessLogs"] == "true"
        yield from _stop_at_failure(
            preflight.preflight(self._aws, stack, adopt=self._options.adopt, access_logs=access_logs)
        )
        yield from _stop_at_failure([preflight.check_runtime(parameters["Runtime"], today)])
        if stack is not None and not (stack.is_empty or stack.create_failed):
            yield from _stop_at_failure(check_lowered_shards(self._aws, stack.parameters, parameters))
        # A value of the deployed stack may no longer be allowed by this version's template.
        for name, value in parameters.items():
            self._template.parameters[name].check(value, f"stack {self._cloudformation.name}")

    def _clear(self, stack: Stack, parameters: Mapping[str, str]) -> Iterator[Progress]:
        if stack.create_failed:
            yield from warn_about_dropped(self._options.given, stack, parameters)
        if self._options.plan:
            check_plannable(stack)
        else:
            yield from clear_stack(self._aws, self._cloudformation, stack)
        # A failed create that was not rolled back leaves its tables behind.
        yield from _stop_at_failure(preflight.leftover_resources(self._aws, None, adopt=self._options.adopt))

    def _plan_update(
        self, tool: Sam, built: Path, parameters: Mapping[str, str], stack: Stack | None
    ) -> Iterator[Progress]:
        with remove_uploads(self._aws, self._cloudformation) as uploads:
            given = self._options.given
            yield from self._changes.update_stack(tool, built, parameters, stack, given=given)
        if uploads.are_kept:
            message = "The plan's uploads are kept, because another deployment may use them."
            yield Finding("artifacts", State.WARNING, message)


def _stop_at_failure(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings up to the first failed one, and raise `PreflightError` for that."""
    for finding in findings:
        yield finding
        if finding.state is State.FAILED:
            reason = f"the check of the {finding.check} failed"
            raise PreflightError(finding.message, reason=reason, hint=finding.fix)
