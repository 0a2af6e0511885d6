using System.Threading.Channels;

namespace AkkaCharging.Peers;

/// <summary>The bare peer's other half: a bounded channel and 64 loops, each with one callback under way.</summary>
/// <remarks>
/// What it leaves out is the point of it: nothing is on disk, a failed callback is gone, one hanging receiver holds
/// loops for 10 s each, there is no address policy, no signature, no age limit, no audit and no metric.
/// </remarks>
internal sealed class Deliveries
{
    private const int Capacity = 10_000; // as queue.maxSize
    private const int Loops = 64;
    private readonly Channel<Accepted> _channel = Channel.CreateBounded<Accepted>(
        new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.Wait }
    );
    private readonly CallbackClient _callbacks;

    public Deliveries(string aclFile)
    {
        _callbacks = new CallbackClient(aclFile);
        for (var i = 0; i < Loops; i++)
            _ = Task.Run(DeliverAsync);
    }

    public bool TryTake(Accepted accepted) => _channel.Writer.TryWrite(accepted);

    private async Task DeliverAsync()
    {
        await foreach (var accepted in _channel.Reader.ReadAllAsync())
        {
            try
            {
                await _callbacks.PostAsync(accepted);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                // No guarantees: it is gone.
            }
        }
    }
}
