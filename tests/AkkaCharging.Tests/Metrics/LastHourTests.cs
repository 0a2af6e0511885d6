using AkkaCharging.Metrics;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Metrics;

[Trait("Category", "Unit")]
public sealed class LastHourTests
{
    private readonly FakeTimeProvider _time = new(Sample.Now);
    private readonly LastHour _hour;

    public LastHourTests() => _hour = new(_time);

    [Fact]
    public void Start_IsOnePointOfNothing()
    {
        _time.Advance(TimeSpan.FromSeconds(7));

        Assert.Equal(
            new HistoryPoint(Sample.Now.AddSeconds(7), TimeSpan.FromSeconds(7), 0, 0, 0, 0, 0, Pending: 3, null, null),
            Assert.Single(_hour.Points(pending: 3))
        );
    }

    [Fact]
    public void Minute_HasItsOwnCountsAndPercentiles()
    {
        for (var i = 1; i <= 100; i++)
            _hour.Apply(new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.FromMilliseconds(i)));
        _hour.Apply(new SubmissionAnswered(AnswerStatus.QueueFull, TimeSpan.FromHours(2)));
        _hour.Apply(new SubmissionAnswered(AnswerStatus.Replayed, TimeSpan.FromHours(2)));
        _hour.Apply(new RequestSettled(RequestState.Delivered, TimeSpan.FromSeconds(2)));
        _hour.Apply(new RequestSettled(RequestState.Failed, TimeSpan.FromSeconds(2)));
        _hour.Apply(new RequestSettled(RequestState.Failed, TimeSpan.FromDays(9), IsRedriven: true));
        _hour.Apply(new RequestSettled(RequestState.Expired, TimeSpan.FromSeconds(2)));
        _time.Advance(LastHour.Interval);
        _hour.Apply(new MinuteEnded(Pending: 97));
        _hour.Apply(new RequestSettled(RequestState.Delivered, TimeSpan.FromDays(9)));

        var points = _hour.Points(pending: 96);

        Assert.Equal(2, points.Count);
        var minute = points[0];
        Assert.Equal((Sample.Now.AddMinutes(1), LastHour.Interval), (minute.EndedAt, minute.Length));
        Assert.Equal(
            (100, 1, 1, 2, 1, 97),
            (minute.Accepted, minute.Rejected, minute.Delivered, minute.Failed, minute.Expired, minute.Pending)
        );
        Assert.InRange(minute.Accept!.P50, 49, 51);
        Assert.InRange(minute.Accept.P99, 98, 100);
        Assert.InRange(minute.EndToEnd!.P99, 1_980, 2_020);
        Assert.Equal(
            (0, 1, 0, 96, null),
            (points[1].Accepted, points[1].Delivered, points[1].Failed, points[1].Pending, points[1].Accept)
        );
        Assert.InRange(points[1].EndToEnd!.P50, 3_590_000, 3_620_000); // an hour is the longest
    }

    [Fact]
    public void OnlyAnHourIsKept()
    {
        for (var minute = 1; minute <= 100; minute++)
        {
            _time.Advance(LastHour.Interval);
            _hour.Apply(new MinuteEnded(minute));
        }

        Assert.Equal(Enumerable.Range(41, 60).Append(7).Select(pending => (long)pending), Pending());

        IEnumerable<long> Pending() => _hour.Points(pending: 7).Select(point => point.Pending);
    }
}
