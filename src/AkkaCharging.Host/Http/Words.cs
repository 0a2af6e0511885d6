using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;

namespace AkkaCharging.Host.Http;

/// <summary>A list of words that a field can hold.</summary>
internal interface IWords
{
    static abstract IEnumerable<string> All { get; }
}

/// <summary>Patterns of fields.</summary>
internal static class Patterns
{
    public const string RequestId = "^req-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$";
    public const string DriverToken = "^[A-Za-z0-9._~-]{20,80}$";
    public const string TokenFingerprint = "^[0-9a-f]{32}$";
    public const string MaskedDriverToken = @"^.{1,4}\*\*\*$";

    /// <summary>The pattern of driver tokens by <paramref name="rules"/>.</summary>
    public static string Of(DriverTokenRules rules) =>
        $"^[A-Za-z0-9._~{(rules.Characters == TokenCharacters.Ocpp ? "*=:+|@#" : "")}-]"
        + $"{{{rules.LengthMin},{Requests.DriverToken.LengthMax}}}$";
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

/// <summary>Outcomes of callback attempts as operators see them.</summary>
internal sealed class OutcomeWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<CallbackOutcome>().Select(CallbackNames.Name);
}

/// <summary>Causes of failed callback attempts as operators see them.</summary>
internal sealed class CauseWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<AttemptCause>().Select(AttemptCauses.Name);
}

/// <summary>Outcomes as callers see them: an address that may not be called looks like one that is absent.</summary>
internal sealed class CallerOutcomeWords : IWords
{
    public static IEnumerable<string> All =>
        Enum.GetValues<CallbackOutcome>()
            .Where(outcome => outcome != CallbackOutcome.Blocked)
            .Select(CallbackNames.Name);
}

/// <summary>Causes as callers see them: all that have to do with the address are one.</summary>
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

/// <summary>Statuses of errors; those of a 400 have a body of their own.</summary>
internal sealed class ErrorWords : IWords
{
    public static IEnumerable<string> All =>
        Enum.GetValues<AnswerStatus>().Where(status => status >= AnswerStatus.Unauthorized).Select(AnswerStatuses.Name);
}

internal sealed class CallbackFormatWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<CallbackFormat>().Select(CallbackFormats.Name);
}
