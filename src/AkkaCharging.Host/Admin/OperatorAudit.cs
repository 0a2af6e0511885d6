using System.Net;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;

namespace AkkaCharging.Host.Admin;

/// <summary>
/// Logs each change that operators make: operator, address, action, target and result. Failed changes are logged, too.
/// </summary>
internal sealed partial class OperatorAudit(ILogger<OperatorAudit> logger)
{
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
            LogChange(OperatorAccess.OperatorOf(context), context.Connection.RemoteIpAddress, action, target, result);
        }
    }

    [LoggerMessage(1301, LogLevel.Information, "Operator {Operator} from {Remote}: {Action} {Target}: {Result}")]
    private partial void LogChange(string @operator, IPAddress? remote, string action, string target, string result);
}
