using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Settings;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Journal.Sqlite;

[Trait("Category", "Unit")]
public sealed class SqliteRetentionTests
{
    private static readonly JournalSettings Settings = SettingsLoader.Defaults.Journal;
    private readonly FakeTimeProvider _time = new();
    private readonly Queue<TaskCompletionSource<bool>> _steps = new();
    private readonly SqliteRetention _retention;

    public SqliteRetentionTests() =>
        _retention = new(
            Settings,
            JournalClock.For(Settings, _time),
            _time,
            _ =>
            {
                _steps.Enqueue(new());
                return _steps.Peek().Task;
            }
        );

    [Fact]
    public void Sweep_IsDueEachMinute_AndGoesOnWhileThereIsMore()
    {
        _time.Advance(TimeSpan.FromMinutes(1) - TimeSpan.FromTicks(1));
        _retention.SweepWhenDue();
        Assert.Empty(_steps);

        for (var minute = 0; minute < 3; minute++)
        {
            _time.Advance(minute == 0 ? TimeSpan.FromTicks(1) : TimeSpan.FromMinutes(1));
            _retention.SweepWhenDue();
            for (var step = 0; step < 3; step++)
            {
                Assert.Single(_steps);
                _steps.Dequeue().SetResult(step < 2);
            }

            Assert.Empty(_steps);
        }
    }

    [Fact]
    public void Sweep_WaitsForTheOneBefore_AlsoForOneThatFailed()
    {
        _time.Advance(TimeSpan.FromMinutes(1));
        _retention.SweepWhenDue();
        _time.Advance(TimeSpan.FromMinutes(1));
        _retention.SweepWhenDue();
        Assert.Single(_steps).SetException(new JournalUnavailableException("it is away"));
        _steps.Clear();

        _time.Advance(TimeSpan.FromMinutes(1));
        _retention.SweepWhenDue();
        Assert.Single(_steps);
    }
}
