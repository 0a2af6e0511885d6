using System.Net.Sockets;
using System.Security.Authentication;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Networks;
using AkkaCharging.Requests;

namespace AkkaCharging.Tests.Callbacks;

/// <summary>What the tests of <see cref="CallbackClient"/> cannot bring about with a receiver on loopback.</summary>
[Trait("Category", "Unit")]
public sealed class FailureCausesTests
{
    [Fact]
    public void Failure_HasItsCause_AlsoInsideAnother()
    {
        (Exception Failure, AttemptCause Cause)[] failures =
        [
            (new SocketException((int)SocketError.ConnectionRefused), AttemptCause.ConnectionRefused),
            (new SocketException((int)SocketError.NetworkUnreachable), AttemptCause.Unreachable),
            (new SocketException((int)SocketError.HostUnreachable), AttemptCause.Unreachable),
            (new SocketException((int)SocketError.TimedOut), AttemptCause.ConnectTimeout),
            (new SocketException((int)SocketError.TooManyOpenSockets), AttemptCause.LocalResources),
            (new SocketException((int)SocketError.AddressNotAvailable), AttemptCause.LocalResources),
            (new IOException("", new SocketException((int)SocketError.ConnectionReset)), AttemptCause.ConnectionReset),
            (new NameResolutionException("a.example.com", NameResolutionFailure.NotFound), AttemptCause.NameNotFound),
            (
                new NameResolutionException(
                    "a.example.com",
                    NameResolutionFailure.TimedOut,
                    new SocketException((int)SocketError.TryAgain)
                ),
                AttemptCause.NameTimeout
            ),
            (new NameResolutionException("a.example.com", NameResolutionFailure.Overloaded), AttemptCause.NameNotAsked),
            (new AddressRefusedException(RefusalReason.HostSyntax), AttemptCause.AddressRefused),
            (
                new AuthenticationException(
                    "",
                    new IOException("", new SocketException((int)SocketError.ConnectionReset))
                ),
                AttemptCause.Tls
            ),
            (new HttpRequestException(HttpRequestError.ResponseEnded), AttemptCause.ConnectionReset),
            (new HttpIOException(HttpRequestError.InvalidResponse), AttemptCause.Protocol),
            (new HttpRequestException(HttpRequestError.ConfigurationLimitExceeded), AttemptCause.TooLarge),
            (new InvalidOperationException(), AttemptCause.Other),
        ];

        Assert.All(failures, failed => Assert.Equal(failed.Cause, FailureCauses.Of(failed.Failure)));
        Assert.All(
            failures,
            failed => Assert.Equal(failed.Cause, FailureCauses.Of(new HttpRequestException("wrapped", failed.Failure)))
        );
    }

    [Fact]
    public void Causes_AreSpelledAsTheDocsHaveThem() =>
        Assert.Equal(
            [
                "http_status",
                "name_not_found",
                "name_timeout",
                "name_not_asked",
                "address_refused",
                "connection_refused",
                "unreachable",
                "connect_timeout",
                "tls",
                "connection_reset",
                "answer_timeout",
                "too_large",
                "protocol",
                "local_resources",
                "other",
            ],
            Enum.GetValues<AttemptCause>().Select(cause => cause.Name())
        );
}
