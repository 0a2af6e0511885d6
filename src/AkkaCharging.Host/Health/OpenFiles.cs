using AkkaCharging.Host.Http;

namespace AkkaCharging.Host.Health;

/// <summary>The number of open files of this process, counted at most once a second.</summary>
/// <remarks>
/// Linux can only list them, and there are as many as connections: too much work for each request to <c>/health</c>,
/// which needs no key.
/// </remarks>
/// <param name="count">Counts them; null when the system does not say.</param>
internal sealed class OpenFiles(Func<int?> count, TimeProvider time)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(1);

    private readonly Kept<Counted> _latest = new(new SemaphoreSlim(1), Lifetime, time);

    /// <summary>Returns the number, up to a second old; null when the system does not say.</summary>
    public async ValueTask<int?> CountAsync(CancellationToken cancellationToken) =>
        (await _latest.GetAsync(() => Task.FromResult(new Counted(count())), cancellationToken)).Files;

    private sealed record Counted(int? Files);
}
