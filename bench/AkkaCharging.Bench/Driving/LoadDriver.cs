using System.Diagnostics;
using System.Net.Sockets;
using AkkaCharging.Bench.Receiver;

namespace AkkaCharging.Bench.Driving;

/// <summary>Drives one target from one thread over several connections.</summary>
/// <remarks>
/// Open loop: request n is due at start + n / rate, whatever became of those before it, and its latency counts from
/// then; one that finds no connection free waits, and that wait counts. So a stall of the target is seen by every
/// request that it delays (no coordinated omission). Closed loop: each connection sends its next request as soon as it
/// has its answer, held back only by the window.
/// </remarks>
internal sealed class LoadDriver(LoadPlan plan, Ledger ledger, int firstSequence)
{
    private const long Second = 1_000_000_000;
    private const long LookAround = 10_000_000; // at least this often, in ns
    private const long WindowPoll = 200_000;
    private const long Overtime = 15 * Second; // for a first callback, and for the last answers

    private readonly LoadResult _result = new();
    private readonly List<long> _dueAt = [];
    private readonly long _receivedBefore = ledger.Received;
    private long _measuredFrom;
    private long _measuredUntil = long.MaxValue; // nothing is due later than the end, wherever that moves
    private int _accepted;
    private int _underWay;

    /// <summary>The sequence number after the last that was sent.</summary>
    public int NextSequence => firstSequence + _dueAt.Count;

    /// <summary>Requests that were answered 200 by now. Any thread may ask.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>Runs to the end of the plan and until the last answer, or 15 s after it.</summary>
    /// <param name="measuring">Called when the warm-up is over, and again when the duration is: for samples of
    /// processor time.</param>
    public LoadResult Run(Action measuring)
    {
        Debug.Assert(Stopwatch.Frequency == Second, "ticks are nanoseconds on Linux");
        using var epoll = new Epoll();
        var connections = new Connection[plan.Connections];
        for (var i = 0; i < connections.Length; i++)
            connections[i] = new Connection(plan.Targets[i % plan.Targets.Count], epoll, i);
        try
        {
            Drive(epoll, connections, measuring);
        }
        catch (SocketException) when (plan.EndsWithTarget)
        {
            // What was under way has no answer.
        }
        finally
        {
            foreach (var connection in connections)
                connection.Dispose();
        }

        return _result;
    }

    /// <summary>Reads from the ledger when callbacks arrived. After the run, when they all have.</summary>
    /// <returns>Sequence numbers that were accepted and never called back.</returns>
    public List<int> Settle()
    {
        var journeys = 0;
        var lost = new List<int>();
        foreach (var sequence in _result.Accepted)
        {
            var (arrivedAt, dueAt) = (ledger.ArrivedAt(sequence), _dueAt[sequence - firstSequence]);
            if (arrivedAt == 0)
                lost.Add(sequence);
            if (arrivedAt >= _measuredFrom && arrivedAt < _measuredUntil)
                journeys++;
            if (dueAt < _measuredFrom)
                continue;
            if (plan.IsHealthy?.Invoke(sequence) ?? arrivedAt != 0)
                LoadResult.Record(_result.EndToEnd, (arrivedAt != 0 ? arrivedAt : Stopwatch.GetTimestamp()) - dueAt);
            else if (arrivedAt != 0)
                LoadResult.Record(_result.EndToEndFaulty, arrivedAt - dueAt);
        }

        _result.JourneysPerSecond = journeys / _result.Seconds;
        return lost;
    }

    private void Drive(Epoll epoll, Connection[] connections, Action measuring)
    {
        var free = new Stack<int>(Enumerable.Range(0, connections.Length));
        var start = Stopwatch.GetTimestamp();
        var duration = (long)(plan.Duration.TotalSeconds * Second);
        _measuredFrom = start + (long)(plan.WarmUp.TotalSeconds * Second);
        var end = _measuredFrom + duration;
        var (hasBegun, isMeasuring, receivedBefore) = (false, false, 0L);
        while (true)
        {
            var now = Stopwatch.GetTimestamp();
            if (
                isMeasuring
                && now >= end
                && now < _measuredFrom + duration + Overtime
                && IsWithoutFigure(receivedBefore)
            )
                end = now + LookAround;
            if (_dueAt.Count >= plan.CountMax && _underWay == 0)
                end = Math.Min(end, now);
            if (!hasBegun && now >= _measuredFrom && (now < end || _dueAt.Count < plan.CountMax))
            {
                hasBegun = isMeasuring = true;
                measuring();
                _measuredFrom = Stopwatch.GetTimestamp();
                end = _measuredFrom + duration;
                receivedBefore = Volatile.Read(ref ledger.Received);
            }

            if (isMeasuring && now >= end)
            {
                isMeasuring = false;
                measuring();
                _measuredUntil = now;
                _result.Seconds = (_measuredUntil - _measuredFrom) / (double)Second;
            }

            var due = NextDue(now, start);
            while (free.Count > 0 && due <= now && due < end)
            {
                Send(connections[free.Pop()], due, now);
                now = Stopwatch.GetTimestamp();
                due = NextDue(now, start);
            }

            if (_underWay == 0 && now >= end && due >= end)
                break;
            if (now - end > Overtime)
            {
                _result.Unanswered =
                    _underWay
                    + (
                        plan.Rate is { } rate
                            ? Math.Max(0, (int)((end - start) / (double)Second * rate) - _dueAt.Count)
                            : 0
                    );
                break;
            }

            var wait =
                free.Count == 0 || due >= end ? LookAround
                : plan.Rate is null ? WindowPoll
                : Math.Clamp(due - now, 0, LookAround);
            var events = epoll.Wait(wait);
            now = Stopwatch.GetTimestamp();
            for (var i = 0; i < events; i++)
                Receive(connections, epoll.NumberOf(i), free, now);
        }

        _result.Sent = _dueAt.Count;
    }

    private bool IsWithoutFigure(long receivedBefore) =>
        plan.CountsCallbacks && Volatile.Read(ref ledger.Received) == receivedBefore;

    private long NextDue(long now, long start)
    {
        if (_dueAt.Count >= plan.CountMax)
            return long.MaxValue;
        if (plan.Rate is { } rate)
            return start + (long)(_dueAt.Count / rate * Second);
        var pending = plan.AwaitsCallbacks
            ? _accepted + _underWay - (Volatile.Read(ref ledger.Received) - _receivedBefore)
            : 0;
        return pending < plan.Window ? now : long.MaxValue;
    }

    private void Send(Connection connection, long due, long now)
    {
        var sequence = NextSequence;
        _dueAt.Add(due);
        if (plan.Rate is not null && due >= _measuredFrom)
            LoadResult.Record(_result.DriverLag, now - Math.Max(due, connection.FreeSince));
        connection.Send(sequence, plan.Submissions.Request(sequence));
        _underWay++;
    }

    private void Receive(Connection[] connections, int number, Stack<int> free, long now)
    {
        var connection = connections[number];
        var sequence = connection.Sequence;
        var status = connection.Receive(now);
        if (status == 0 || sequence < 0)
            return;
        free.Push(number);
        _underWay--;
        var dueAt = _dueAt[sequence - firstSequence];
        var isMeasured = dueAt >= _measuredFrom && dueAt < _measuredUntil;
        switch (status)
        {
            case 200:
                _accepted++;
                _result.Accepted.Add(sequence);
                if (!isMeasured)
                    break;
                _result.AcceptedMeasured++;
                LoadResult.Record(_result.Accept, now - dueAt);
                break;
            case 503 when plan.RefusalsAreFine:
                _result.Refused++;
                if (plan.IsHealthy?.Invoke(sequence) ?? true)
                    _result.RefusedHealthy++;
                if (isMeasured)
                    LoadResult.Record(_result.Refuse, now - dueAt);
                break;
            default:
                _result.Errors[status] = _result.Errors.GetValueOrDefault(status) + 1;
                break;
        }
    }
}
