using System.Net;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Pipeline;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.AddressPolicy;
using AkkaCharging.Tests.Authorization;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>Requests, decisions and attempts that tests do not care about.</summary>
internal static class Sample
{
    public static readonly DateTimeOffset Now = Queries.Now;

    private static readonly ReceiverRegister Receivers = new(
        SettingsLoader.Defaults.Callback,
        SettingsLoader.Defaults.Queue,
        new FakeTimeProvider()
    );
    private static readonly FakeTimeProvider Time = new(Now);
    private static readonly CallbackAddressPolicy Policy = Policies.Allowing("127.0.0.1/32");

    public static CallbackUrl Url(string text) => Assert.IsType<UrlVerdict.Allowed>(Policy.CheckUrl(text)).Url;

    public static ChargingRequest Request(
        string url = "http://127.0.0.1:8080/hook",
        DateTimeOffset? acceptedAt = null,
        TimeSpan? age = null,
        string token = Queries.Token
    )
    {
        var at = acceptedAt ?? Now;
        return new(
            RequestId.New(at),
            StationId.TryCreate(Queries.Station)!,
            DriverToken.TryCreate(token)!,
            Url(url),
            at,
            at + (age ?? TimeSpan.FromMinutes(5))
        );
    }

    /// <summary>Fake time's timestamps are its ticks: so it is as old as its times are by any fake clock.</summary>
    /// <param name="receivers">The register that counts it; one of its own when null.</param>
    public static PendingRequest Pending(
        string url = "http://127.0.0.1:8080/hook",
        DateTimeOffset? acceptedAt = null,
        TimeSpan? age = null,
        ReceiverRegister? receivers = null
    ) => Pending(Request(url, acceptedAt, age), receivers);

    public static PendingRequest Pending(ChargingRequest request, ReceiverRegister? receivers = null) =>
        Pending(request, (receivers ?? Receivers).Join(request.Callback.Destination));

    public static PendingRequest Pending(ChargingRequest request, Receiver receiver) =>
        new(request, receiver, Time, since: request.AcceptedAt.UtcTicks, request.ExpiresAt - request.AcceptedAt);

    public static PendingRequest Decided(
        string url = "http://127.0.0.1:8080/hook",
        DateTimeOffset? acceptedAt = null,
        TimeSpan? age = null,
        ReceiverRegister? receivers = null
    )
    {
        var pending = Pending(url, acceptedAt, age, receivers);
        pending.Decision = Decision(acceptedAt);
        return pending;
    }

    public static Decision Decision(
        DateTimeOffset? at = null,
        AuthorizationStatus status = AuthorizationStatus.Allowed
    ) => new(status, status == AuthorizationStatus.Allowed ? DecisionReason.InAcl : DecisionReason.NotInAcl, at ?? Now);

    public static CallbackAttempt Attempt(
        CallbackOutcome outcome = CallbackOutcome.HttpError,
        HttpStatusCode? status = null,
        DateTimeOffset? at = null
    ) => new(at ?? Now, TimeSpan.FromMilliseconds(3), (int?)status, outcome);

    /// <summary>An attempt that the receiver answered.</summary>
    public static CallbackAttempt Answered(int status = 200) =>
        new(Now, TimeSpan.Zero, status, status < 300 ? CallbackOutcome.Success : CallbackOutcome.HttpError);

    public static Submission Submission(
        string url = "http://127.0.0.1:8080/hook",
        AkkaCharging.Journal.IdempotencyClaim? claim = null,
        TimeSpan? validFor = null
    ) =>
        new(
            StationId.TryCreate(Queries.Station)!,
            DriverToken.TryCreate(Queries.Token)!,
            Url(url),
            validFor,
            ApiKeyName: null,
            claim,
            Trace: default
        );

    /// <summary>The reason that has a name.</summary>
    public static DecisionReason Reason(string name) =>
        Enum.GetValues<DecisionReason>().Single(reason => reason.Name() == name);
}
