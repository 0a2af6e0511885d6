using System.Net;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;

namespace AkkaCharging.Host.Admin;

/// <summary>
/// Logs each change that operators make: operator, address, action, target and result. Failed changes are logged, too.
/// Keeps the latest for the console; the log is the lasting record.
/// </summary>
internal sealed partial class OperatorAudit(ILogger<OperatorAudit> logger)
{
    /// <summary>Number of changes that are kept.</summary>
    public const int KeptMax = 100;

    private readonly Queue<ActionAnswer> _kept = new(KeptMax); // under its own lock

    /// <summary>The latest changes, newest first.</summary>
    public IReadOnlyList<ActionAnswer> Latest
    {
        get
        {
            lock (_kept)
                return [.. _kept.Reverse()];
        }
    }

    /// <summary>Makes a change and records it.</summary>
    /// <param name="target">The changed object; never a caller's own text.</param>
    /// <param name="change">Responds to the request and returns the status of the response. Not cancelled when the
    /// operator disconnects, so that the log is correct.</param>
    public async Task RecordAsync(HttpContext context, string action, string target, Func<Task<string>> change)
    {
        var result = AnswerStatus.InternalError.Name();
        try
        {
            result = await change();
        }
        catch (JournalUnavailableException)
        {
            result = await context.WriteJournalUnavailableAsync();
        }
        finally
        {
            var (by, remote) = (OperatorAccess.OperatorOf(context), context.Connection.RemoteIpAddress);
            LogChange(by, remote, action, target, result);
            Keep(new(context.Now(), by, remote?.ToString(), action, target, result));
        }
    }

    private void Keep(ActionAnswer change)
    {
        lock (_kept)
        {
            if (_kept.Count == KeptMax)
                _kept.Dequeue();
            _kept.Enqueue(change);
        }
    }

    [LoggerMessage(1301, LogLevel.Information, "Operator {Operator} from {Remote}: {Action} {Target}: {Result}")]
    private partial void LogChange(string @operator, IPAddress? remote, string action, string target, string result);
}
