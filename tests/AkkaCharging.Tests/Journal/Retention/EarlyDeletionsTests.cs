using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Journal.Retention;

[Trait("Category", "Unit")]
public sealed class EarlyDeletionsTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _notices = [];
    private readonly EarlyDeletions _early;

    public EarlyDeletionsTests() => _early = new(_time, (notice, _) => _notices.Add(notice));

    [Fact]
    public void ManyDeletions_AreAllCounted_AndOneWarningAMinute()
    {
        _early.Report([]);
        Assert.Empty(_notices);
        for (var second = 0; second < 90; second++)
        {
            _early.Report([("fleet", RequestState.Delivered), ("", RequestState.Failed)]);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        _early.Report([("fleet", RequestState.Expired)]);
        _time.Advance(TimeSpan.FromMinutes(5));
        _early.Report([]);

        Assert.Equal(new EarlyCounts(Delivered: 90, Expired: 1, Failed: 90), _early.Counts);
        Assert.Equal(
            [
                "1 delivered, 0 expired, 1 failed; submitted with the API keys (no key), fleet.",
                "60 delivered, 0 expired, 60 failed; submitted with the API keys (no key), fleet.",
                "29 delivered, 1 expired, 29 failed; submitted with the API keys (no key), fleet.",
            ],
            _notices.Select(notice => notice[(notice.IndexOf(": ", StringComparison.Ordinal) + 2)..])
        );
    }

    [Fact]
    public void WarningOfManyCallers_NamesAFew()
    {
        _early.Report([.. Enumerable.Range(0, 9).Select(caller => ($"key-{caller}", RequestState.Delivered))]);

        Assert.EndsWith(
            "key-0, key-1, key-2, key-3, key-4 and 4 others.",
            Assert.Single(_notices),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void WarningOfAsManyCallersAsAreNamed_MentionsNoOthers()
    {
        _early.Report([.. Enumerable.Range(0, 5).Select(caller => ($"key-{caller}", RequestState.Delivered))]);

        Assert.EndsWith("key-0, key-1, key-2, key-3, key-4.", Assert.Single(_notices), StringComparison.Ordinal);
    }

    [Fact]
    public void Warning_IsOfWhatWasDeletedSinceTheOneBefore()
    {
        _early.Report([("fleet", RequestState.Expired)]);
        _time.Advance(TimeSpan.FromMinutes(1));

        _early.Report([("roaming", RequestState.Expired), ("roaming", RequestState.Expired)]);

        Assert.EndsWith(
            "0 delivered, 2 expired, 0 failed; submitted with the API keys roaming.",
            _notices[^1],
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Deletions_AreNoLossOfFiles()
    {
        var losses = new List<bool>();

        new EarlyDeletions(_time, (_, isLoss) => losses.Add(isLoss)).Report([("fleet", RequestState.Failed)]);

        Assert.Equal([false], losses);
    }
}
