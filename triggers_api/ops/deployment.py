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

import json
import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import DeploymentError, PreflightError
from triggers_api.ops import artifacts, checks, sam
from triggers_api.ops.aws import Aws, explanation
from triggers_api.ops.build import build, copy_service
from triggers_api.ops.checks import FAILED_CREATE, Finding, State
from triggers_api.ops.cloudformation import CloudFormation
from triggers_api.ops.failures import failure
from triggers_api.ops.outputs import resolved
from triggers_api.ops.paths import DEPLOY, PACKAGE
from triggers_api.ops.stack import ChangeSet, Stack, StackEvent
from triggers_api.ops.target import Setting, Target
from triggers_api.ops.template import Template


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


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the work begins."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Obstacle:
    """The stack's first create failed: going on deletes what is left of it."""

    stack: Stack


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change set waits: going on executes it."""

    change_set: ChangeSet
    adopts: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end: whether anything was changed, and the stack's outputs."""

    changed: bool
    status: str
    outputs: Mapping[str, str]
    first: bool = False


Progress = Step | Finding | Obstacle | Proposal | StackEvent | Outcome

_TO_CLEAR = {*FAILED_CREATE, "REVIEW_IN_PROGRESS"}
_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "DELETE_COMPLETE"}


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


def followed(
    cloudformation: CloudFormation, events: Iterator[StackEvent], stack: Stack, aws: Aws
) -> Iterator[StackEvent]:
    """Yield the events of an operation; at its end `DeploymentError`, with the first cause, if it failed."""
    seen = []
    for event in events:
        seen.append(event)
        yield event
    if seen[-1].status not in _DONE:
        after = cloudformation.described(stack.id)
        reasons = cloudformation.failures(stack.id)
        raise failure(after, seen, reasons, aws.target, aws.region.value)


class _Deployment:
    def __init__(self, options: DeployOptions, aws: Aws, template: Template) -> None:
        self._options, self._aws, self._template = options, aws, template
        self._target = options.target
        self._name = options.target.stack_name.value
        self._cloudformation = CloudFormation(aws.client("cloudformation"), self._name)

    def run(self, today: date) -> Iterator[Progress]:
        yield Step("preflight", "Checking that it can work.")
        tool = sam.find(self._options.environment, self._aws.region.value)
        stack = self._cloudformation.stack()
        parameters = self._parameters(stack)
        yield from self._preflight(stack, parameters, today)
        if stack is not None and stack.status in _TO_CLEAR:
            yield from self._clear(stack)
            stack = None
            # A stack that was not rolled back has left its tables.
            cloudformation, adopt = self._cloudformation, self._options.adopt
            yield from _stopping([checks.tables(self._aws, cloudformation, stack, adopt=adopt)])
        with tempfile.TemporaryDirectory(prefix="triggers-") as folder, ExitStack() as cleanup:
            yield Step("build", f"Building for {parameters['Runtime']} on {parameters['Architecture']}.")
            built = self._build(Path(folder), tool, parameters)
            if self._options.plan:
                cleanup.enter_context(artifacts.taken_back(self._aws, self._name))
            if stack is None and (kept := checks.retained_tables(self._aws, self._cloudformation, stack)):
                parameters |= self._settings_of(kept)
                yield from self._adopt(kept, parameters)
                if self._options.plan:
                    return
            yield from self._change(tool, built, parameters, first=stack is None)

    def _parameters(self, stack: Stack | None) -> dict[str, str]:
        """Return every parameter's value: what was given, else what the stack has, else the default."""
        before = {} if stack is None or stack.status in _TO_CLEAR else stack.parameters
        given = {name: setting.value for name, setting in self._options.given.items()}
        given["Stage"] = self._target.stage.value
        return {
            name: given.get(name, before.get(name, parameter.default))
            for name, parameter in self._template.parameters.items()
        }

    def _settings_of(self, kept: Mapping[str, str]) -> dict[str, str]:
        """Return what kept tables have, and must not lose only because they are adopted."""
        if "DeletionProtection" not in self._options.given and checks.protected(self._aws, kept.values()):
            return {"DeletionProtection": "true"}
        return {}

    def _preflight(
        self, stack: Stack | None, parameters: Mapping[str, str], today: date
    ) -> Iterator[Finding]:
        access_logs = parameters["AccessLogs"] == "true"
        findings = checks.preflight(self._aws, stack, adopt=self._options.adopt, access_logs=access_logs)
        return _stopping(chain([checks.runtime(parameters["Runtime"], today)], findings))

    def _clear(self, stack: Stack) -> Iterator[Progress]:
        """Delete what a first create, or a plan that was interrupted, has left."""
        if stack.status in FAILED_CREATE:
            if self._options.plan:
                raise PreflightError(
                    f"There is nothing to compare with: the first create of {self._name} failed.",
                    reason=f"the stack is in {stack.status}",
                    hint="Run triggers deploy, which deletes it and starts anew.",
                )
            yield Obstacle(stack)
        yield Step("clear", f"Deleting the rest of the stack {self._name} ({stack.status}).")
        if stack.status in FAILED_CREATE:
            events = self._cloudformation.delete(stack.id)
            yield from followed(self._cloudformation, events, stack, self._aws)
        else:
            self._cloudformation.remove_empty(stack.id)

    def _build(self, folder: Path, tool: sam.Sam, parameters: Mapping[str, str]) -> Path:
        """Make the artifact and the template that names it, and let SAM take both in."""
        code, method = folder / "code", None
        if self._options.use_container:
            copy_service(code / PACKAGE.name)
            shutil.copy(DEPLOY / "requirements.txt", code)
            method = parameters["Runtime"]
        else:
            build(code, runtime=parameters["Runtime"], architecture=parameters["Architecture"])
        template = folder / "template.yaml"
        copy = self._template.handed_to_sam(
            code=code, cors_allow_origin=parameters["CorsAllowOrigin"], build_method=method
        )
        template.write_text(copy, encoding="utf-8")
        return tool.build(
            template,
            folder / "built",
            parameters=parameters,
            use_container=self._options.use_container,
        )

    def _adopt(self, kept: Mapping[str, str], parameters: Mapping[str, str]) -> Iterator[Progress]:
        """Take kept tables into a new stack."""
        yield Step("adopt", f"Adopting {' and '.join(kept.values())}.")
        cut = self._template.tables_only(list(kept))
        names = json.loads(cut)["Parameters"]
        with self._nothing_left():
            arn = self._cloudformation.import_change_set(
                cut, {name: parameters[name] for name in names}, kept
            )
            yield from self._propose_and_apply(arn, first=True, adopts=True)

    def _change(
        self, tool: sam.Sam, built: Path, parameters: Mapping[str, str], *, first: bool
    ) -> Iterator[Progress]:
        """Bring the stack to what the template says."""
        yield Step("change set", "Uploading the artifact and making the change set.")
        with self._nothing_left():
            arn = tool.change_set(
                built,
                stack_name=self._name,
                region=self._aws.region.value,
                profile=None if self._target.profile is None else self._target.profile.value,
                parameters=parameters,
            )
            yield from self._propose_and_apply(arn, first=first)

    def _propose_and_apply(self, arn: str | None, *, first: bool, adopts: bool = False) -> Iterator[Progress]:
        """Show a change set; after a yes execute it, else take it away."""
        stack = self._cloudformation.stack()
        if stack is None:
            raise DeploymentError(f"The stack {self._name} was deleted meanwhile.", hint="Deploy again.")
        if arn is None:
            self._cloudformation.discard_failed()
            yield self._outcome(stack, changed=False, first=False)
            return
        executed = False
        try:
            yield Proposal(self._cloudformation.change_set(arn), adopts)
            if self._options.plan:
                return
            executed = True
            yield Step("apply", f"CloudFormation is at work on {self._name}.")
            events = self._cloudformation.execute(
                arn, stack.id, disable_rollback=self._options.disable_rollback
            )
            yield from followed(self._cloudformation, events, stack, self._aws)
        finally:
            if not executed:
                self._cloudformation.discard(arn)
        if not adopts:
            yield self._outcome(self._cloudformation.described(stack.id), changed=True, first=first)

    @contextmanager
    def _nothing_left(self) -> Iterator[None]:
        """Delete at the end a stack that holds nothing but a change set which was not executed."""
        try:
            yield
        finally:
            stack = self._cloudformation.stack()
            if stack is not None and stack.status == "REVIEW_IN_PROGRESS":
                self._cloudformation.remove_empty(stack.id)

    def _outcome(self, stack: Stack, *, changed: bool, first: bool) -> Outcome:
        return Outcome(changed, stack.status, resolved(stack.outputs, self._target), first)


def _stopping(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings up to the first that failed, which is a `PreflightError`."""
    for finding in findings:
        yield finding
        if finding.state is State.FAILED:
            why = f"the check of the {finding.check} failed"
            raise PreflightError(finding.message, reason=why, hint=finding.fix)
