using System.Net;
using System.Security.Cryptography;
using System.Text;
using Akka.Actor;
using AkkaCharging.Host.Health;
using AkkaCharging.Host.Http;
using AkkaCharging.Metrics;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>
/// Requests without an API key while all places are taken by requests that wait for the metrics actor.
/// </summary>
[Trait("Category", "Component")]
public sealed class AnonymousReadsTests : IAsyncLifetime
{
    private const string Key = "alice";
    private readonly HeldMetrics _metrics = new();
    private readonly List<Task<HttpResponseMessage>> _held = [];
    private RunningService _service = null!;
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _service = await RunningService.StartAsync(
            settings =>
                settings.WithServer(server =>
                    server with
                    {
                        ShutdownGrace = TimeSpan.Zero,
                        ApiKeys = [new(Key, Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(Key))), [], 0)],
                    }
                ),
            services =>
            {
                services.AddSingleton<IMetricsSink>(_metrics);
                // It asks for metrics by itself, and would be counted with the callers.
                services.Remove(services.Single(service => service.ImplementationType == typeof(HealthWatch)));
            }
        );
        for (var i = 0; i < AnonymousReads.Places + AnonymousReads.WaitingMax; i++)
            _held.Add(_service.Http.GetAsync("/health"));
        var reads = _service.App.Services.GetRequiredService<AnonymousReads>();
        await Eventually.HoldsAsync(
            () => _metrics.Waiting == AnonymousReads.Places && reads.Waiting == AnonymousReads.WaitingMax,
            "as many as may wait do so"
        );
    }

    public async Task DisposeAsync()
    {
        _metrics.Release();
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Theory]
    [InlineData("/health")]
    [InlineData("/metrics")]
    [InlineData("/openapi/v1.json")]
    [InlineData("/nothing")]
    public async Task OneTooMany_Returns429_AndOthersAreAnsweredOnceThereIsAPlace(string path)
    {
        using var refused = await _service.Http.GetAsync(path);

        Assert.Equal(
            "Too many requests without an API key are being answered.",
            await Api.RefusedAsync(refused, 429, "rate_limited")
        );
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        Assert.Equal(AnonymousReads.Places, _metrics.Waiting);

        _metrics.Release();

        Assert.All(await Task.WhenAll(_held), answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
    }

    [Fact]
    public async Task Probes_Submissions_LookUpsByKey_AndOperators_AreAnswered()
    {
        foreach (var probe in new[] { "/health/live", "/health/ready" })
            Assert.Equal(200, (int)(await _service.Http.GetAsync(probe)).StatusCode);
        var id = await Api.AcceptedAsync(
            await _service.Http.SendAsync(Api.Post(Api.Body(_receiver.Url), ("X-Api-Key", Key)))
        );
        var lookUp = new HttpRequestMessage(HttpMethod.Get, $"{Api.Submit}/{id}")
        {
            Headers = { { "X-Api-Key", Key } },
        };
        Assert.Equal(200, (int)(await _service.Http.SendAsync(lookUp)).StatusCode);
        Assert.Equal(200, (int)(await _service.Management.GetAsync("/openapi/admin.json")).StatusCode);
    }

    /// <summary>A metrics actor that does not answer until it is released.</summary>
    private sealed class HeldMetrics : IMetricsSink
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _waiting;

        public int Waiting => Volatile.Read(ref _waiting);

        public void Release() => _released.TrySetResult();

        public void Tell(MetricsEvent happened) { }

        public Task<IReadOnlyList<HistoryPoint>> GetHistoryAsync(long pending, CancellationToken cancellationToken) =>
            throw new AskTimeoutException("silent");

        public async Task<MetricsSnapshot> GetAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _waiting);
            await _released.Task.WaitAsync(cancellationToken);
            throw new TimeoutException("held");
        }
    }
}
