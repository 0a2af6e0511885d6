using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AkkaCharging.DeadLetters;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests;

/// <summary>Dead letters end to end: a real receiver that rejects them at first and accepts them later.</summary>
[Trait("Category", "Component")]
public sealed class DeadLetterTests : IAsyncLifetime
{
    private const string SigningKey = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    private readonly FakeTimeProvider _time = new(
        DateTimeOffset.Parse("2030-01-01T00:00:00Z", CultureInfo.InvariantCulture)
    );
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-dead-letters-").FullName;
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync() => _receiver = await CallbackReceiver.StartAsync();

    public async Task DisposeAsync()
    {
        await _receiver.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task RedrivenLetter_IsDelivered_UnderItsOldIdAndBody_WithAFreshTimestampAndSignature()
    {
        await using var service = await StartAsync(JournalKind.Memory);
        var id = await FailAsync(service);
        _time.Advance(TimeSpan.FromHours(1));
        _receiver.RespondWith(HttpStatusCode.NoContent);

        Assert.Equal(RedriveOutcome.Redriven, await Letters(service).RedriveAsync(id, default));

        await StateAsync(service, id, "delivered");
        AssertSentAgain(id);
        Assert.Equal(
            2,
            (await service.GetAsync($"/api/v1/charging-session/{id}")).GetProperty("attempts").GetArrayLength()
        );
    }

    [Fact]
    public async Task LetterOfAnEarlierProcess_IsRedriven_AndOneThatWasRedrivenIsTakenUpByTheNext()
    {
        RequestId first,
            second;
        await using (var service = await StartAsync(JournalKind.Sqlite))
        {
            first = await FailAsync(service);
            _time.Advance(TimeSpan.FromSeconds(1));
            second = await FailAsync(service);
        }

        _time.Advance(TimeSpan.FromHours(1));
        _receiver.Hang();
        await using (var service = await StartAsync(JournalKind.Sqlite, grace: TimeSpan.FromMilliseconds(100)))
        {
            Assert.Equal(
                [second, first],
                (await Letters(service).ListAsync(new(), after: null, most: 10, default)).Letters.Select(letter =>
                    letter.Id
                )
            );
            Assert.Equal(RedriveOutcome.Redriven, await Letters(service).RedriveAsync(first, default));
            await Eventually.HoldsAsync(() => _receiver.Received.Count == 3, "the redriven callback hangs");
        }

        _receiver.RespondWith(HttpStatusCode.Gone);
        await using var last = await StartAsync(JournalKind.Sqlite);
        await StateAsync(last, first, "failed");
        // it is known as redriven after the restart
        Assert.Equal("errorRate=0 totalCallbacks=1", await CallbacksAsync(last));
        _receiver.RespondWith(HttpStatusCode.NoContent);
        // the other one failed just now
        Assert.Equal(1, (await Letters(last).RedriveAllAsync(new(), confirmed: null, default)).Progress!.Matched);
        await StateAsync(last, second, "delivered");
        AssertSentAgain(second);
    }

    [Fact]
    public async Task RedrivenLettersThatFailAgain_LeaveTheErrorRateAlone_AndCountInTheTotals()
    {
        const int Count = 20;
        await using var service = await StartAsync(JournalKind.Memory);
        for (var i = 0; i < Count; i++)
            await FailAsync(service);
        Assert.Equal($"errorRate=1 totalCallbacks={Count}", await CallbacksAsync(service));
        _time.Advance(TimeSpan.FromSeconds(61));

        await Letters(service).RedriveAllAsync(new(), confirmed: null, default);
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(100));
                return _receiver.Received.Count == 2 * Count;
            },
            "all are redriven"
        );

        await Eventually.HoldsAsync(
            async () => await CallbacksAsync(service) == $"errorRate=0 totalCallbacks={2 * Count}",
            "all failed again"
        );
        await Eventually.HoldsAsync(
            async () =>
                (await service.GetAsync("/metrics")).GetProperty("deliveries_total").GetProperty("failed").GetInt64()
                == 2 * Count,
            "all are counted"
        );
    }

    private static DeadLetterOperations Letters(RunningService service) =>
        service.App.Services.GetRequiredService<DeadLetterOperations>();

    private Task<RunningService> StartAsync(JournalKind kind, TimeSpan? grace = null) =>
        RunningService.StartAsync(
            settings =>
                settings with
                {
                    Server = settings.Server with { ShutdownGrace = grace ?? settings.Server.ShutdownGrace },
                    Journal = settings.Journal with { Kind = kind, Path = Path.Combine(_folder, "journal.db") },
                    Callback = settings.Callback with
                    {
                        Signing = settings.Callback.Signing with { Keys = [SigningKey] },
                    },
                },
            services => services.AddTime(_time)
        );

    /// <summary>A request that its receiver rejects permanently.</summary>
    private async Task<RequestId> FailAsync(RunningService service)
    {
        _receiver.RespondWith(HttpStatusCode.Gone);
        Assert.True(RequestId.TryParse(await service.AcceptAsync(_receiver.Url), out var id));
        await StateAsync(service, id, "failed");
        await service.LeavesAsync(id);
        return id;
    }

    private static Task StateAsync(RunningService service, RequestId id, string state) =>
        Eventually.HoldsAsync(
            async () =>
                (await service.GetAsync($"/api/v1/charging-session/{id}")).GetProperty("state").GetString() == state,
            $"{id} is {state}"
        );

    private static async Task<string> CallbacksAsync(RunningService service)
    {
        var details = (await service.GetAsync("/health"))
            .GetProperty("components")
            .GetProperty("callbacks")
            .GetProperty("details");
        return $"errorRate={details.GetProperty("errorRate").GetString()} "
            + $"totalCallbacks={details.GetProperty("totalCallbacks").GetString()}";
    }

    /// <summary>The last callback of this request is the first one again, an hour later.</summary>
    private void AssertSentAgain(RequestId id)
    {
        var sent = _receiver.Received.Where(callback => callback.WebhookId == id.ToString()).ToList();
        Assert.Equal(2, sent.Count);
        Assert.Equal(sent[0].Body, sent[1].Body);
        Assert.Equal(3_600, Seconds(sent[1]) - Seconds(sent[0]));
        var signed = Encoding.ASCII.GetBytes(
            $"{id}.{sent[1].Headers["webhook-timestamp"]}.{Encoding.ASCII.GetString(sent[1].Body)}"
        );
        Assert.Equal(
            $"v1,{Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(SigningKey[6..]), signed))}",
            sent[1].Headers["webhook-signature"]
        );
        Assert.Equal(
            _time.GetUtcNow().AddHours(-1).ToUnixTimeMilliseconds(),
            JsonDocument.Parse(sent[1].Body).RootElement.GetProperty("timestamp").GetInt64()
        );

        static long Seconds(ReceivedCallback callback) =>
            long.Parse(callback.Headers["webhook-timestamp"], CultureInfo.InvariantCulture);
    }
}
