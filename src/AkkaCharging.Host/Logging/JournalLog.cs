using AkkaCharging.Requests;

namespace AkkaCharging.Host.Logging;

/// <summary>What a journal tells its operator.</summary>
internal static partial class JournalLog
{
    [LoggerMessage(1601, LogLevel.Error, "{RequestId} cannot be read and stays in the journal: {Damage}")]
    internal static partial void LogDamage(this ILogger logger, RequestId requestId, string damage);

    [LoggerMessage(1602, LogLevel.Warning, "{JournalNotice:l}")]
    internal static partial void LogNotice(this ILogger logger, string journalNotice);

    [LoggerMessage(1603, LogLevel.Error, "{JournalNotice:l}")]
    internal static partial void LogLoss(this ILogger logger, string journalNotice);
}
