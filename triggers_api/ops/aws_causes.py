"""Group botocore's exceptions by cause.

A test holds that every exception of the installed botocore is in the table, itself or by a base class other
than `BotoCoreError`.
"""

from collections.abc import Mapping
from enum import Enum, auto

from botocore import exceptions as aws
from botocore.exceptions import BotoCoreError


class Cause(Enum):
    """Why a request to AWS failed before AWS answered it, in the terms of a fix."""

    NO_CREDENTIALS = auto()
    UNKNOWN_PROFILE = auto()
    UNREADABLE_CONFIGURATION = auto()
    WRONG_PROFILE = auto()
    """Settings of a profile are missing, or contradict each other."""
    SOURCE_FAILED = auto()
    """A service or a file that credentials come from failed."""
    PROCESS_FAILED = auto()
    """The program that a profile gets its credentials from failed."""
    MFA_EXPIRED = auto()
    SSO_EXPIRED = auto()
    LOGIN_EXPIRED = auto()
    LOGIN_DENIED = auto()
    MISSING_DEPENDENCY = auto()
    WRONG_CLOCK = auto()
    UNREACHABLE = auto()
    PROXY = auto()
    TLS = auto()
    WRONG_SETTING = auto()
    WRONG_REGION = auto()
    NO_END = auto()
    """An operation of AWS did not end in time, or not as expected."""
    BUG = auto()
    """This program called botocore wrongly, or botocore's own files are damaged."""


CAUSES: Mapping[type[Exception], Cause] = {
    aws.NoCredentialsError: Cause.NO_CREDENTIALS,
    aws.NoAuthTokenError: Cause.NO_CREDENTIALS,
    aws.ProfileNotFound: Cause.UNKNOWN_PROFILE,
    aws.ConfigParseError: Cause.UNREADABLE_CONFIGURATION,
    aws.ConfigNotFound: Cause.UNREADABLE_CONFIGURATION,
    aws.InvalidConfigError: Cause.WRONG_PROFILE,
    aws.PartialCredentialsError: Cause.WRONG_PROFILE,
    aws.UnknownCredentialError: Cause.WRONG_PROFILE,
    aws.UnknownTokenProviderError: Cause.WRONG_PROFILE,
    aws.CredentialRetrievalError: Cause.SOURCE_FAILED,
    aws.MetadataRetrievalError: Cause.SOURCE_FAILED,
    aws.RefreshWithMFAUnsupportedError: Cause.MFA_EXPIRED,
    aws.SSOError: Cause.SSO_EXPIRED,
    aws.TokenRetrievalError: Cause.SSO_EXPIRED,
    aws.LoginError: Cause.LOGIN_EXPIRED,
    aws.LoginInsufficientPermissions: Cause.LOGIN_DENIED,
    aws.MissingDependencyException: Cause.MISSING_DEPENDENCY,
    aws.ConnectionError: Cause.UNREACHABLE,
    aws.HTTPClientError: Cause.UNREACHABLE,
    aws.IncompleteReadError: Cause.UNREACHABLE,
    aws.ChecksumError: Cause.UNREACHABLE,
    aws.FlexibleChecksumError: Cause.UNREACHABLE,
    aws.CapacityNotAvailableError: Cause.UNREACHABLE,
    aws.ProxyConnectionError: Cause.PROXY,
    aws.InvalidProxiesConfigError: Cause.PROXY,
    aws.SSLError: Cause.TLS,
    aws.InvalidIMDSEndpointError: Cause.WRONG_SETTING,
    aws.InvalidIMDSEndpointModeError: Cause.WRONG_SETTING,
    aws.UnknownSignatureVersionError: Cause.WRONG_SETTING,
    aws.UnsupportedSignatureVersionError: Cause.WRONG_SETTING,
    aws.InvalidS3AddressingStyleError: Cause.WRONG_SETTING,
    aws.InvalidEndpointDiscoveryConfigurationError: Cause.WRONG_SETTING,
    aws.UnsupportedS3ConfigurationError: Cause.WRONG_SETTING,
    aws.UnsupportedS3AccesspointConfigurationError: Cause.WRONG_SETTING,
    aws.UnsupportedS3ControlConfigurationError: Cause.WRONG_SETTING,
    aws.InvalidRetryConfigurationError: Cause.WRONG_SETTING,
    aws.InvalidS3UsEast1RegionalEndpointConfigError: Cause.WRONG_SETTING,
    aws.InvalidSTSRegionalEndpointsConfigError: Cause.WRONG_SETTING,
    aws.InvalidDefaultsMode: Cause.WRONG_SETTING,
    aws.InvalidEndpointConfigurationError: Cause.WRONG_SETTING,
    aws.InvalidChecksumConfigError: Cause.WRONG_SETTING,
    aws.MD5UnavailableError: Cause.WRONG_SETTING,
    aws.BaseEndpointResolverError: Cause.WRONG_REGION,
    aws.UnknownRegionError: Cause.WRONG_REGION,
    aws.InvalidRegionError: Cause.WRONG_REGION,
    aws.ServiceNotInRegionError: Cause.WRONG_REGION,
    aws.EndpointProviderError: Cause.WRONG_REGION,
    aws.WaiterError: Cause.NO_END,
    aws.DataNotFoundError: Cause.BUG,
    aws.ApiVersionNotFoundError: Cause.BUG,
    aws.MissingParametersError: Cause.BUG,
    aws.ValidationError: Cause.BUG,
    aws.ParamValidationError: Cause.BUG,
    aws.UnknownServiceStyle: Cause.BUG,
    aws.PaginationError: Cause.BUG,
    aws.OperationNotPageableError: Cause.BUG,
    aws.UnseekableStreamError: Cause.BUG,
    aws.InvalidExpressionError: Cause.BUG,
    aws.WaiterConfigError: Cause.BUG,
    aws.UnknownClientMethodError: Cause.BUG,
    aws.InvalidDNSNameError: Cause.BUG,
    aws.UnsupportedS3ArnError: Cause.BUG,
    aws.UnsupportedS3ControlArnError: Cause.BUG,
    aws.UnsupportedOutpostResourceError: Cause.BUG,
    aws.InvalidHostLabelError: Cause.BUG,
    aws.StubResponseError: Cause.BUG,
    aws.AwsChunkedWrapperError: Cause.BUG,
    aws.UndefinedModelAttributeError: Cause.BUG,
    aws.UnsupportedServiceProtocolsError: Cause.BUG,
    BotoCoreError: Cause.BUG,
}
"""The cause of each exception, and of its subclasses that are not listed themselves."""


def cause_of(error: Exception) -> Cause | None:
    """Return the cause of an exception of botocore; None if it is none of botocore's."""
    return next((CAUSES[kind] for kind in type(error).__mro__ if kind in CAUSES), None)
