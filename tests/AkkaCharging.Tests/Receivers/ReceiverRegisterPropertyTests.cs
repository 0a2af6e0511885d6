using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Receivers;

/// <summary>
/// All receivers as a state machine: random receivers, answers, clocks, pauses, expiries and stages that end, and what
/// must hold after each step.
/// </summary>
[Trait("Category", "Unit")]
public sealed class ReceiverRegisterPropertyTests
{
    private const int Sequences = 10_000;
    private const int Steps = 60;

    [Fact]
    public void RandomSequences_KeepTheInvariants() =>
        Parallel.For(
            0,
            Sequences,
            seed =>
            {
                using var model = new Model(seed);
                for (var step = 0; step < Steps; step++)
                    model.Step();
                model.Finish();
            }
        );

    private sealed class Model : IDisposable
    {
        private readonly int _seed;
        private readonly Random _random;
        private readonly FakeTimeProvider _time = new(Sample.Now);
        private readonly ReceiverRegister _register;
        private readonly int _slots;
        private readonly int _retryPlaces;
        private readonly string[] _hosts;
        private readonly List<TestTurn> _open = []; // waiting or holding
        private readonly List<TestTurn> _places = []; // of the retry lane, waited for or held
        private readonly List<TestTurn> _handedPlaces = [];
        private readonly List<TestTurn> _handed = [];
        private readonly List<TestTurn> _released = [];
        private object _owner = new();

        public Model(int seed)
        {
            (_seed, _random) = (seed, new Random(seed));
            _slots = _random.Next(1, 12);
            _retryPlaces = _random.Next(1, 16);
            _hosts = [.. Enumerable.Range(0, _random.Next(1, 6)).Select(number => $"r{number}")];
            var settings = SettingsLoader.Defaults.Callback with
            {
                MaxInFlight = _slots,
                MaxConcurrentRetries = _retryPlaces,
                MaxInFlightPerDestination = _random.Next(1, 5),
                MaxRetries = _random.Next(0, 4),
                DestinationBreaker = new(_random.Next(4) > 0, _random.Next(1, 5), TimeSpan.FromSeconds(5)),
            };
            _register = new(settings, SettingsLoader.Defaults.Queue, _time);
        }

        public void Step()
        {
            switch (_random.Next(10))
            {
                case < 4:
                    Take();
                    break;
                case < 7:
                    EndOne();
                    break;
                case 7:
                    _time.Advance(TimeSpan.FromMilliseconds(_random.Next(1, 2_000)));
                    break;
                case 8:
                    if (_random.Next(2) == 0)
                        PauseOrResume();
                    else
                        TakeOrEndRetry();
                    break;
                default:
                    if (_random.Next(8) == 0)
                        EndTheStage();
                    break;
            }

            Check();
        }

        /// <summary>
        /// Receivers answer from now on: everything that waits is served or expires, and nothing is left.
        /// </summary>
        public void Finish()
        {
            foreach (var host in _hosts)
                _register.Resume(Key(host));
            for (var round = 0; round < 1_000 && _open.Count + _places.Count > 0; round++)
            {
                foreach (var place in _places.Where(place => place.Holds).ToList())
                    EndRetry(place);
                foreach (var turn in _open.Where(turn => turn.Holds).ToList())
                    End(turn, Sample.Answered());
                _time.Advance(TimeSpan.FromMilliseconds(500));
                Check();
            }

            Hold(_open.Count + _places.Count == 0, "everything is served or expires");
            Hold(_register.InFlight == 0, "no slot leaks");
            _time.Advance(ReceiverRegister.Remembered + TimeSpan.FromSeconds(1));
            Hold(_register.Count == 0, "nothing is remembered for ever");
            Hold(_register.Counts.All == 0, "standings add up");
        }

        public void Dispose() => _register.Dispose();

        private void Take()
        {
            var host = _hosts[_random.Next(_hosts.Length)];
            var receiver = _register.Join(Key(host));
            var deadline = _time.GetTimestamp() + TimeSpan.FromMilliseconds(_random.Next(100, 60_000)).Ticks;
            var attempt = _random.Next(1, 5);
            var turn = new TestTurn(host, receiver, _owner, deadline, attempt > 1, attempt, _handed, _released);
            turn.Holds = _register.TakeAttemptOrWait(receiver, turn);
            _open.Add(turn);
        }

        private void TakeOrEndRetry()
        {
            if (_places.Where(place => place.Holds).ToList() is { Count: > 0 } held && _random.Next(2) == 0)
            {
                EndRetry(held[_random.Next(held.Count)]);
                return;
            }

            var host = _hosts[_random.Next(_hosts.Length)];
            for (var count = _random.Next(1, 8); count > 0; count--)
                TakeRetry(host);
        }

        private void TakeRetry(string host)
        {
            var receiver = _register.Join(Key(host));
            var place = new TestTurn(host, receiver, _places, long.MaxValue, true, 2, _handedPlaces, _released);
            place.Holds = _register.TakeRetryPlaceOrWait(receiver, place);
            _places.Add(place);
        }

        private void EndRetry(TestTurn place)
        {
            place.Holds = false;
            _places.Remove(place);
            _register.EndRetry(place.Receiver);
            _register.Leave(place.Receiver);
        }

        private void EndOne()
        {
            var holding = _open.Where(turn => turn.Holds).ToList();
            if (holding.Count == 0)
                return;
            End(
                holding[_random.Next(holding.Count)],
                _random.Next(6) switch
                {
                    0 => null,
                    1 => Sample.Answered(429),
                    2 or 3 => new(Sample.Now, TimeSpan.Zero, HttpStatus: null, CallbackOutcome.Timeout),
                    _ => Sample.Answered(),
                }
            );
        }

        private void PauseOrResume()
        {
            var key = Key(_hosts[_random.Next(_hosts.Length)]);
            if (!_register.Resume(key))
                _register.Pause(key);
        }

        /// <summary>A lane's graph dies: what waits is gone, and the next one brings turns of its own.</summary>
        private void EndTheStage()
        {
            foreach (var turn in _open.Where(turn => turn.Owner == _owner))
                turn.IsGone = true;
            _register.Release(_owner);
            foreach (var turn in _open.Where(turn => turn.IsGone && !turn.Holds).ToList())
            {
                _open.Remove(turn);
                _register.Leave(turn.Receiver);
            }

            _owner = new();
        }

        private void End(TestTurn turn, CallbackAttempt? attempt)
        {
            turn.Holds = false;
            _open.Remove(turn);
            _register.EndAttempt(turn.Receiver, turn, attempt);
            _register.Leave(turn.Receiver);
        }

        private void Check()
        {
            foreach (var turn in _released)
            {
                Hold(!turn.Holds && _open.Remove(turn), "a turn is released once, and without a slot");
                Hold(_time.GetTimestamp() >= turn.Deadline, "only what expired is released");
                _register.Leave(turn.Receiver);
            }

            _released.Clear();
            var freePlaces = _retryPlaces - _places.Count(place => place.Holds);
            Hold(freePlaces >= 0, "the retry lane has its places");
            Hold(_handedPlaces.Distinct().Count() == _handedPlaces.Count, "no place is handed out twice");
            Hold(_handed.Distinct().Count() == _handed.Count, "no turn is started twice");
            var releasedBy = _time.GetTimestamp() - TimeSpan.FromMilliseconds(100).Ticks;
            Hold(_open.TrueForAll(turn => turn.Holds || turn.Deadline > releasedBy), "what expired is released soon");
            var held = _open.Where(turn => turn.Holds).ToList();
            Hold(_register.InFlight == held.Count && held.Count <= _slots, "slots are counted, and are not exceeded");

            var statuses = _register.Status(int.MaxValue);
            var unproven = statuses.Where(status => status.Standing != Standing.Proven).ToList();
            foreach (var status in statuses)
            {
                var host = status.Key.Host.Split('.')[0];
                var waiting = _open.Count(turn => !turn.Holds && turn.Host == host);
                Hold(status.Waiting == waiting, "everybody who waits is in a line");
                Hold(
                    status.InFlight == held.Count(turn => turn.Receiver.Key == status.Key),
                    "slots are the receiver's"
                );
                Hold(status.Breaker == BreakerState.Closed || status.Standing == Standing.Silent, "open means silent");
                var hasRoom = status.Breaker switch
                {
                    BreakerState.Closed => status.InFlight < status.InFlightMax,
                    BreakerState.HalfOpen => status.InFlight == 0, // no probe is under way
                    _ => false,
                };
                var couldStart = waiting > 0 && !status.IsPaused && hasRoom;
                if (couldStart && status.Standing == Standing.Proven)
                    Hold(held.Count == _slots, "no proven receiver waits while a slot is free");
                if (freePlaces > 0 && status.Standing == Standing.Proven)
                    Hold(
                        status.Retrying >= 4 * freePlaces
                            || _places.TrueForAll(place => place.Holds || place.Host != host),
                        "no retry of a proven receiver waits while it has room"
                    );
                if (couldStart && status.Standing == Standing.Silent && held.Count < _slots)
                    Hold(
                        unproven.Sum(other => other.InFlight) >= Silents(_slots),
                        "no silent receiver waits while its share has a free slot"
                    );
            }

            Hold(_register.Counts.All == _register.Count, "each receiver has one standing");
        }

        private static int Silents(int slots) => slots - (slots / 2) - ((slots - (slots / 2)) / 4);

        private void Hold(bool holds, string invariant)
        {
            if (!holds) // millions of times it does: no message is made then
                Assert.Fail($"seed {_seed}: {invariant}");
        }

        private static DestinationKey Key(string host) => new("http", $"{host}.example.com", 80);
    }
}
