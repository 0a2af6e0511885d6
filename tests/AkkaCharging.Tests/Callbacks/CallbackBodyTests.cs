using System.Text;
using AkkaCharging.Callbacks;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Callbacks;

[Trait("Category", "Unit")]
public sealed class CallbackBodyTests
{
    [Fact]
    public void DefaultFormat_IsTheContract_WhateverElseIsKnown()
    {
        var request = Sample.Request();
        var decision = Sample.Decision() with { Details = new() { Text = "told to nobody" } };

        Assert.Equal(FourFields(request, decision) + "}", Encoding.UTF8.GetString(CallbackBody.Of(request, decision)));
    }

    [Fact]
    public void ExtendedFormat_HasTheFourFieldsFirst_ThenAllThatIsKnown()
    {
        var request = Sample.Request() with { Format = CallbackFormat.Extended };
        var decision = Sample.Decision() with
        {
            Status = AuthorizationStatus.NotAllowed,
            Reason = DecisionReason.NoCredit,
            Details = new()
            {
                AuthorizationReference = "ref+1",
                Language = "de",
                Text = "Kein Guthaben für \"heute\"",
                Party = "NL-TNM",
                ValidUntil = DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_000),
                Group = "family",
            },
        };

        Assert.Equal(
            FourFields(request, decision)
                + ",\"reason\":\"no_credit\",\"authorization_reference\":\"ref+1\""
                + ",\"info\":{\"language\":\"de\",\"text\":\"Kein Guthaben für \\\"heute\\\"\"}"
                + ",\"party\":\"NL-TNM\",\"valid_until\":1800000000000,\"group\":\"family\""
                + ",\"ocpp16\":\"Blocked\",\"ocpp201\":\"NoCredit\"}",
            Encoding.UTF8.GetString(CallbackBody.Of(request, decision))
        );
    }

    [Fact]
    public void ExtendedFormat_LeavesOutWhatIsNotKnown()
    {
        var request = Sample.Request() with { Format = CallbackFormat.Extended };

        Assert.EndsWith(
            ",\"reason\":\"in_acl\",\"ocpp16\":\"Accepted\",\"ocpp201\":\"Accepted\"}",
            Encoding.UTF8.GetString(CallbackBody.Of(request, Sample.Decision())),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("in_acl", "allowed", "Accepted", "Accepted")]
    [InlineData("authorized", "allowed", "Accepted", "Accepted")]
    [InlineData("blocked", "not_allowed", "Blocked", "Blocked")]
    [InlineData("expired", "not_allowed", "Expired", "Expired")]
    [InlineData("no_credit", "not_allowed", "Blocked", "NoCredit")]
    [InlineData("station_not_allowed", "not_allowed", "Invalid", "NotAtThisLocation")]
    [InlineData("not_in_acl", "not_allowed", "Invalid", "Unknown")]
    [InlineData("concurrent_session", "not_allowed", "ConcurrentTx", "ConcurrentTx")]
    [InlineData("timeout", "unknown", "Invalid", "Unknown")]
    [InlineData("deadline", "unknown", "Invalid", "Unknown")]
    [InlineData("circuit_open", "unknown", "Invalid", "Unknown")]
    [InlineData("authorizer_error", "unknown", "Invalid", "Unknown")]
    [InlineData("no_route", "unknown", "Invalid", "Unknown")]
    [InlineData("no_location", "unknown", "Invalid", "Unknown")]
    public void EveryReason_HasItsStatusOfOcpp(string reason, string status, string ocpp16, string ocpp201)
    {
        var decision = Sample.Decision() with
        {
            Reason = Sample.Reason(reason),
            Status = Enum.GetValues<AuthorizationStatus>().Single(one => one.Name() == status),
        };

        Assert.Equal((ocpp16, ocpp201), (decision.Ocpp16(), decision.Ocpp201()));
    }

    private static string FourFields(ChargingRequest request, Decision decision) =>
        $"{{\"station_id\":\"{request.Station.Text}\",\"driver_token\":\"{request.Token.Secret}\""
        + $",\"status\":\"{decision.Status.Name()}\",\"timestamp\":{decision.DecidedAt.ToUnixTimeMilliseconds()}";
}
