"""`triggers deploy` without its terminal: what is done, in order, and what may stand in the way.

    preflight   the quick checks; the first that failed ends it, before anything is built
    clear       the rest of a first create that failed is deleted; CloudFormation can do nothing else with it
    build       the artifact, in a folder of its own, and the copy of the template that names it
    adopt       tables kept from an earlier stack come into a new one, by an IMPORT change set
    change set  SAM uploads the artifact and makes it; it is shown, and waits
    apply       CloudFormation executes it; what happens is told as it happens

One generator goes through all of them and yields what there is to tell. Where it yields something to decide
(an `Obstacle`, a `Proposal`), whoever reads goes on only after a yes: to stop is to close the generator, and
what was made for the occasion is taken away. So a plan, a no, a Ctrl-C and an error end in the same way.
"""

import shutil
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import DeploymentError, PreflightError
from triggers_api.ops.aws import Aws, explanation
from triggers_api.ops.build.artifact import Artifact, build, copy_service, find_uv
from triggers_api.ops.build.paths import DEPLOY, PACKAGE
from triggers_api.ops.build.scratch import no_room, scratch_folder
from triggers_api.ops.cloudformation.change_set import Pending, pending
from triggers_api.ops.cloudformation.client import CloudFormation
from triggers_api.ops.cloudformation.failures import followed
from triggers_api.ops.cloudformation.models import Stack
from triggers_api.ops.cloudformation.outputs import resolved
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.deploy import adopt, preflight, sam, uploads
from triggers_api.ops.deploy.preflight import FAILED_CREATE
from triggers_api.ops.deploy.progress import Built, Obstacle, Outcome, Progress, Proposal, Step
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.status import code_size, missing
from triggers_api.ops.target import Setting, Target


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """What the command was asked for. `given` are parameters of the template, with where each was said."""

    target: Target
    given: Mapping[str, Setting]
    environment: Mapping[str, str] = field(repr=False)
    adopt: bool = False
    plan: bool = False
    use_container: bool = False
    disable_rollback: bool = False


_TO_CLEAR = {*FAILED_CREATE, "REVIEW_IN_PROGRESS"}
_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


def check_given(given: Mapping[str, Setting], template: Template) -> None:
    """Return where all parameters exist and have values that they may; else `ConfigurationError`."""
    for name, setting in given.items():
        template.named(name, setting.origin).check(setting.value, setting.origin)


def deploy(options: DeployOptions, aws: Aws, *, today: date) -> Generator[Progress, None, None]:
    """Deploy, and yield what there is to tell and to decide; see the module for the order.

    `PreflightError` before anything is built, `BuildError` before a change, `DeploymentError` after.
    """
    try:
        yield from _Deployment(options, aws, Template.load()).run(today)
    except (ClientError, BotoCoreError) as error:
        raise explanation(error, options.target, aws.region) from error


class _Deployment:
    def __init__(self, options: DeployOptions, aws: Aws, template: Template) -> None:
        self._options, self._aws, self._template = options, aws, template
        self._target = options.target
        self._name = options.target.stack_name.value
        self._cloudformation = CloudFormation(aws.client("cloudformation"), self._name)

    def run(self, today: date) -> Iterator[Progress]:
        yield Step("preflight", "Checking that it can work.")
        find_uv()
        tool = sam.find(self._options.environment, self._aws.region.value)
        stack = self._cloudformation.stack()
        parameters = self._parameters(stack)
        yield from self._preflight(stack, parameters, today)
        for name, value in parameters.items():
            self._template.parameters[name].check(value, f"the stack {self._name}")
        if stack is not None and stack.status in FAILED_CREATE:
            yield from self._not_taken_over(stack, parameters)
        if stack is not None and stack.status in _TO_CLEAR:
            yield from self._clear(stack)
            stack = None
            # A stack that was not rolled back has left its tables.
            yield from _stopping(preflight.in_the_way(self._aws, stack, adopt=self._options.adopt))
        kept = preflight.retained_tables(self._aws, self._cloudformation, stack) if stack is None else {}
        if stack is None:
            yield from self._protection(parameters, kept)
        tables = adopt.as_they_are(self._aws, kept, self._template.properties_of(kept))
        with scratch_folder() as folder:
            yield Step("build", f"Building for {parameters['Runtime']} on {parameters['Architecture']}.")
            built = yield from self._build(folder, tool, parameters, stack)
            if not self._options.plan:
                if kept:
                    yield from self._adopt(kept, tables, parameters)
                yield from self._change(tool, built, parameters, stack)
            elif kept:
                yield from self._adopt(kept, tables, parameters)
            else:
                with uploads.taken_back(self._aws, self._cloudformation) as taken:
                    yield from self._change(tool, built, parameters, stack)
                if taken.are_kept:
                    message = "What this plan has uploaded stays: another deployment may use it."
                    yield Finding("artifacts", State.WARNING, message)

    def _parameters(self, stack: Stack | None) -> dict[str, str]:
        """Return every parameter's value: what was given, else what the stack has, else the default."""
        before = {} if stack is None or stack.status in _TO_CLEAR else stack.parameters
        given = {name: setting.value for name, setting in self._options.given.items()}
        given["Stage"] = self._target.stage.value
        return {
            name: given.get(name, before.get(name, parameter.default))
            for name, parameter in self._template.parameters.items()
        }

    def _protection(self, parameters: dict[str, str], kept: Mapping[str, str]) -> Iterator[Finding]:
        """Settle the tables' protection in a first deployment.

        Tables that are made now get it later, or a create that fails could not be undone; kept ones do not
        lose it only because they are adopted.
        """
        if kept and "DeletionProtection" not in self._options.given:
            protected = any(adopt.is_protected(self._aws, name) for name in kept.values())
            parameters["DeletionProtection"] = str(protected).lower()
        elif not kept and parameters["DeletionProtection"] == "true":
            parameters["DeletionProtection"] = "false"
            message = "DeletionProtection stays off while the tables are made."
            yield Finding("tables", State.WARNING, message, "Deploy once more to switch it on.")

    def _preflight(
        self, stack: Stack | None, parameters: Mapping[str, str], today: date
    ) -> Iterator[Finding]:
        access_logs = parameters["AccessLogs"] == "true"
        findings = preflight.preflight(self._aws, stack, adopt=self._options.adopt, access_logs=access_logs)
        return _stopping(chain(findings, [preflight.runtime(parameters["Runtime"], today)]))

    def _clear(self, stack: Stack) -> Iterator[Progress]:
        """Delete what a first create that failed, or a plan that was interrupted, has left.

        A change set that waits may be another's, who is just being asked: that is not taken away unasked.
        """
        failed = stack.status in FAILED_CREATE
        if failed and self._options.plan:
            raise PreflightError(
                f"There is nothing to compare with: the first create of {self._name} failed.",
                reason=f"the stack is in {stack.status}",
                hint="Run triggers deploy, which deletes it and starts anew.",
            )
        if self._options.plan:
            return
        waiting = self._cloudformation.change_sets()
        if failed:
            yield Obstacle(stack, f"The first create of {self._name} failed: it is in {stack.status}.")
        elif any(waiting.values()):
            yield Obstacle(stack, f"A change set waits in {self._name}: another's, or an interrupted plan's.")
        self._cloudformation.check_unchanged(stack, waiting)
        message = f"Deleting the rest of the stack {self._name} ({stack.status})."
        if failed:
            events = self._cloudformation.delete(stack.id)
            yield Step("clear", message)
            yield from followed(self._cloudformation, events, stack, self._aws, {"DELETE_COMPLETE"})
        else:
            yield Step("tidy", message)
            self._cloudformation.remove_empty(stack.id)

    def _build(
        self, folder: Path, tool: sam.Sam, parameters: Mapping[str, str], stack: Stack | None
    ) -> Generator[Progress, None, Path]:
        """Make the artifact and the template that names it, and let SAM take both in."""
        try:
            template, artifact = self._prepare(folder, parameters)
        except OSError as error:
            raise no_room(error) from error
        if artifact is not None:
            yield Built(artifact.zipped_bytes, code_size(self._aws, stack), artifact.compiled_by)
            if artifact.lacks:
                yield Finding("bytecode", State.WARNING, *artifact.lacks)
        return tool.build(
            template,
            folder / "built",
            parameters=parameters,
            use_container=self._options.use_container,
        )

    def _prepare(self, folder: Path, parameters: Mapping[str, str]) -> tuple[Path, Artifact | None]:
        """Make the template, and the artifact that it names unless that is SAM's to make; return both."""
        code, method, artifact = folder / "code", None, None
        if self._options.use_container:
            copy_service(code / PACKAGE.name)
            shutil.copy(DEPLOY / "requirements.txt", code)
            method = parameters["Runtime"]
        else:
            artifact = build(code, runtime=parameters["Runtime"], architecture=parameters["Architecture"])
        template = folder / "template.yaml"
        copy = self._template.handed_to_sam(
            code=code, cors_allow_origin=parameters["CorsAllowOrigin"], build_method=method
        )
        template.write_text(copy, encoding="utf-8")
        return template, artifact

    def _adopt(
        self, kept: Mapping[str, str], tables: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, str]
    ) -> Iterator[Progress]:
        """Take kept tables, as they are, into a new stack."""
        names = " and ".join(kept.values())
        yield Step("adopt", f"Adopting {names}. Parameters that are not given have their defaults.")
        with pending(self._cloudformation) as made:
            arn = self._cloudformation.create_import(self._template.tables_only(tables), parameters, kept)
            made.made(arn)
            self._cloudformation.wait_for_import(arn)
            yield from self._propose_and_apply(made, arn, first=True, adopts=True)

    def _change(
        self, tool: sam.Sam, built: Path, parameters: Mapping[str, str], stack: Stack | None
    ) -> Iterator[Progress]:
        """Bring the stack to what the template says."""
        yield Step("change set", "Uploading the artifact and making the change set.")
        with pending(self._cloudformation) as made:
            arn = tool.change_set(
                built,
                stack_name=self._name,
                region=self._aws.region.value,
                profile=None if self._target.profile is None else self._target.profile.value,
                parameters=parameters,
            )
            if arn is None:
                yield from self._nothing_to_change()
            else:
                made.made(arn)
                before = {} if stack is None else stack.parameters
                changed = {
                    name: (before[name], value)
                    for name, value in parameters.items()
                    if before.get(name, value) != value
                }
                yield from self._propose_and_apply(made, arn, first=stack is None, parameters=changed)

    def _nothing_to_change(self) -> Iterator[Progress]:
        """Say so, and say too what somebody has deleted by hand: CloudFormation compares templates only."""
        stack = self._cloudformation.stack()
        if stack is None:
            raise DeploymentError(
                f"The stack {self._name} is gone.",
                reason="somebody deleted it meanwhile",
                hint="Deploy again.",
            )
        yield from missing(self._aws, stack)
        yield self._outcome(stack, changed=False, first=False)

    def _propose_and_apply(
        self,
        made: Pending,
        arn: str,
        *,
        first: bool,
        adopts: bool = False,
        parameters: Mapping[str, tuple[str, str]] | None = None,
    ) -> Iterator[Progress]:
        """Show a change set; after a yes execute it."""
        change_set = self._cloudformation.change_set(arn)
        made.shown(change_set)
        yield Proposal(change_set, adopts, parameters or {})
        if self._options.plan:
            return
        stack = self._cloudformation.described(change_set.stack_id)
        disable_rollback = self._options.disable_rollback and not adopts
        at_work = Step("apply", f"CloudFormation is at work on {self._name}.")
        try:
            events = self._cloudformation.execute(change_set, disable_rollback=disable_rollback)
        except KeyboardInterrupt:
            # The answer is lost; whether CloudFormation has begun, the stack tells.
            now = self._cloudformation.described(stack.id)
            if (now.status, now.changed_at) != (stack.status, stack.changed_at):
                made.executed()
                yield at_work
            raise
        made.executed()
        yield at_work
        yield from followed(self._cloudformation, events, stack, self._aws, _DONE)
        if not adopts:
            yield self._outcome(self._cloudformation.described(stack.id), changed=True, first=first)

    def _not_taken_over(self, stack: Stack, parameters: Mapping[str, str]) -> Iterator[Finding]:
        """Name the parameters of a first create that failed: one of them may be why it did."""
        other = [
            name
            for name, value in stack.parameters.items()
            if name not in self._options.given and parameters.get(name, value) != value
        ]
        if other:
            message = f"Parameters of the create that failed do not count: {', '.join(sorted(other))}."
            yield Finding("parameters", State.WARNING, message, "Give them again with --parameter.")

    def _outcome(self, stack: Stack, *, changed: bool, first: bool) -> Outcome:
        return Outcome(changed, stack.status, resolved(stack.outputs, self._target), first)


def _stopping(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings up to the first that failed, which is a `PreflightError`."""
    for finding in findings:
        yield finding
        if finding.state is State.FAILED:
            why = f"the check of the {finding.check} failed"
            raise PreflightError(finding.message, reason=why, hint=finding.fix)
