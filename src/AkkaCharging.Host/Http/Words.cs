using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;

namespace AkkaCharging.Host.Http;

/// <summary>A list of words that a field can contain.</summary>
internal interface IWords
{
    static abstract IEnumerable<string> All { get; }
}

/// <summary>Regular expressions for fields.</summary>
internal static class Patterns
{
    public const string RequestId = "^req-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$";
    public const string DriverToken = "^[A-Za-z0-9._~-]{20,80}$";
    public const string TokenFingerprint = "^[0-9a-f]{32}$";
    public const string MaskedDriverToken = @"^.{1,4}\*\*\*$";

    private const string OcppCharacters = "*=:+|@#";
    private const string Typed =
        $@"ocpi\.uid\.[A-Za-z0-9_]{{1,36}}(\.[A-Za-z]{{2}}[A-Za-z0-9]{{3}})?~[A-Za-z0-9._~{OcppCharacters}-]{{1,36}}";

    /// <summary>Returns the pattern of driver tokens for <paramref name="rules"/>.</summary>
    public static string Of(DriverTokenRules rules)
    {
        var plain =
            $"[A-Za-z0-9._~{(rules.Characters == TokenCharacters.Ocpp ? OcppCharacters : "")}-]"
            + $"{{{rules.LengthMin},{Requests.DriverToken.LengthMax}}}";
        return rules.AreTyped ? $"^({plain}|{Typed})$" : $"^{plain}$";
    }
}

internal sealed class AuthorizationStatusWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<AuthorizationStatus>().Select(DecisionNames.Name);
}

internal sealed class DecisionReasonWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<DecisionReason>().Select(DecisionNames.Name);
}

internal sealed class RequestStateWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<RequestState>().Select(state => state.Name());
}

internal sealed class BreakerStateWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<BreakerState>().Select(state => state.Name());
}

/// <summary>The outcomes of callback attempts as shown to operators.</summary>
internal sealed class OutcomeWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<CallbackOutcome>().Select(CallbackNames.Name);
}

/// <summary>The causes of failed callback attempts as shown to operators.</summary>
internal sealed class CauseWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<AttemptCause>().Select(AttemptCauses.Name);
}

/// <summary>The outcomes as shown to callers: a rejected address looks like a missing one.</summary>
internal sealed class CallerOutcomeWords : IWords
{
    public static IEnumerable<string> All =>
        Enum.GetValues<CallbackOutcome>()
            .Where(outcome => outcome != CallbackOutcome.Blocked)
            .Select(CallbackNames.Name);
}

/// <summary>The causes as shown to callers: all causes that concern the address are shown as one.</summary>
internal sealed class CallerCauseWords : IWords
{
    public static IEnumerable<string> All =>
        Enum.GetValues<AttemptCause>()
            .Where(cause => !cause.MeansNoAddress())
            .Select(AttemptCauses.Name)
            .Append(CallerAttempt.NoAddress);
}

internal sealed class AcceptedWords : IWords
{
    public static IEnumerable<string> All => [AnswerStatus.Accepted.Name()];
}

internal sealed class ValidationErrorWords : IWords
{
    public static IEnumerable<string> All => [AnswerStatus.ValidationError.Name()];
}

/// <summary>The statuses of errors, except those of a 400, which has its own body.</summary>
internal sealed class ErrorWords : IWords
{
    public static IEnumerable<string> All =>
        Enum.GetValues<AnswerStatus>().Where(status => status >= AnswerStatus.Unauthorized).Select(AnswerStatuses.Name);
}

internal sealed class CallbackFormatWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<CallbackFormat>().Select(CallbackFormats.Name);
}
