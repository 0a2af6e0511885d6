using System.Collections.Concurrent;
using AkkaCharging.Journal;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal.Postgres;

/// <summary>Callers that submit one request after the other, and remember the answer to each.</summary>
internal sealed class AcceptLoad : IDisposable
{
    private readonly IRequestJournal _journal;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentBag<Guid> _taken = [];
    private readonly ConcurrentBag<Guid> _refused = [];
    private readonly List<Task> _callers;

    public AcceptLoad(IRequestJournal journal, int callers)
    {
        _journal = journal;
        _callers = [.. Enumerable.Range(0, callers).Select(_ => Task.Run(SubmitAsync))];
    }

    public int Refused => _refused.Count;

    /// <summary>Waits until some more requests were accepted.</summary>
    public Task WaitForMoreAsync()
    {
        var before = _taken.Count;
        return Eventually.HoldsAsync(
            () => _taken.Count > before + 100 || _callers.Any(caller => caller.IsFaulted),
            "more requests are taken"
        );
    }

    /// <summary>
    /// Every request that was taken is there, and none that was refused: its caller may have asked again under another
    /// id.
    /// </summary>
    public async Task StopAndVerifyAsync(JournalSettings settings)
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_callers);
        await Eventually.HoldsAsync(() => _journal.Status.IsAvailable, "the journal is available");
        var stored = (Guid[])(await SharedPostgres.QueryAsync(settings, "SELECT array_agg(id) FROM charging_request"))!;
        Assert.Empty(_taken.Except(stored));
        Assert.Empty(_refused.Intersect(stored));
    }

    public void Dispose() => _stopping.Dispose();

    private async Task SubmitAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var request = Sample.Request();
            try
            {
                await _journal.AcceptAsync(request, new(request.Id.ToString(), "body"), default);
                _taken.Add(request.Id.Value);
            }
            catch (JournalUnavailableException)
            {
                _refused.Add(request.Id.Value);
                await Task.Delay(10);
            }
        }
    }
}
