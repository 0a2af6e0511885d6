using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Receivers;

/// <summary>A register of receivers, with turns that a test takes and ends.</summary>
public abstract class ReceiverRegisterTest : IDisposable
{
    private protected readonly FakeTimeProvider Time = new(Sample.Now);
    private protected readonly object Owner = new();
    private readonly List<TestTurn> _turns = []; // not ended
    private protected readonly List<TestTurn> Handed = []; // started after a wait, in that order
    private protected readonly List<TestTurn> Released = [];
    private protected readonly List<(string Host, BreakerState State)> Moves = [];
    private protected CallbackSettings Settings = SettingsLoader.Defaults.Callback;
    private protected QueueSettings Queue = SettingsLoader.Defaults.Queue;
    private ReceiverRegister? _register;

    private protected ReceiverRegister Register =>
        _register ??= new(Settings, Queue, Time, (key, state) => Moves.Add((key.Host.Split('.')[0], state)));

    public void Dispose() => _register?.Dispose();

    private protected static DestinationKey Key(string host) => new("http", $"{host}.example.com", 80);

    private protected static CallbackAttempt Failed(
        CallbackOutcome outcome = CallbackOutcome.Timeout,
        int? status = null
    ) => new(Sample.Now, TimeSpan.Zero, status, outcome);

    // A request does not expire unless a test says otherwise.
    private protected List<TestTurn> Take(
        string host,
        int count,
        bool isRetry = false,
        TimeSpan? age = null,
        object? owner = null,
        int attempt = 1
    ) =>
        [
            .. Enumerable
                .Range(0, count)
                .Select(_ =>
                {
                    var deadline = Time.GetTimestamp() + (age ?? TimeSpan.FromDays(1)).Ticks;
                    var receiver = Register.Join(Key(host));
                    var turn = new TestTurn(
                        host,
                        receiver,
                        owner ?? Owner,
                        deadline,
                        isRetry,
                        attempt,
                        Handed,
                        Released
                    );
                    turn.Holds = Register.TakeAttemptOrWait(receiver, turn);
                    _turns.Add(turn);
                    return turn;
                }),
        ];

    private protected bool TakeRetry(string host)
    {
        var receiver = Register.Join(Key(host));
        var turn = new TestTurn(host, receiver, Owner, long.MaxValue, isRetry: true, attempt: 2, [], []);
        return Register.TakeRetryPlaceOrWait(receiver, turn);
    }

    private protected bool End(TestTurn ended, CallbackAttempt? attempt)
    {
        _turns.Remove(ended);
        ended.Holds = false;
        return Register.EndAttempt(ended.Receiver, ended, attempt);
    }

    private protected TestTurn Running(string host) => _turns.First(turn => turn.Host == host && turn.Holds);

    private protected void Prove(string host) => End(Take(host, 1)[0], Sample.Answered());

    private protected void OpenBreaker(string host)
    {
        FailFor(host, TimeSpan.FromSeconds(4));
        Assert.Equal(BreakerState.Open, Status(host).Breaker);
    }

    /// <summary>Different requests fail, each for the third time, as long as the breaker lets them.</summary>
    private protected void FailFor(string host, TimeSpan duration)
    {
        for (var i = 0; i < 20 && Take(host, 1, attempt: 3)[0] is { Holds: true } turn; i++)
        {
            End(turn, Failed());
            if (Status(host).Breaker == BreakerState.Open)
                return;
            Time.Advance(duration / 20);
        }
    }

    private protected ReceiverStatus Status(string host) =>
        Register.Status(int.MaxValue).Single(status => status.Key == Key(host));
}
