using AkkaCharging.Receivers;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Receivers;

/// <summary>The shares of a queue of 1,000 places, of which one receiver may hold four times what is free.</summary>
[Trait("Category", "Unit")]
public sealed class QueueSharesTests
{
    private const int Places = 1_000;
    private readonly QueueShares _shares = new(new QueueSettings(Places, ConsumerThreads: 1, DestinationShare: 4));
    private int _held;

    [Theory]
    [InlineData(Standing.Proven, 800)]
    [InlineData(Standing.New, 400)] // of its half
    [InlineData(Standing.Silent, 300)] // of three quarters of that half
    public void OneReceiverAlone_HoldsFourFifthsOfItsShare(object standing, int expected) =>
        Assert.Equal((expected, AdmissionVerdict.DestinationBacklogged), Fill((Standing)standing, receivers: 1));

    [Theory]
    [InlineData(Standing.Proven, 1_000)]
    [InlineData(Standing.New, 438)] // seven times what is left of the half
    [InlineData(Standing.Silent, 375)]
    public void ManyReceivers_HoldTheirShareTogether(object standing, int expected) =>
        Assert.Equal((expected, AdmissionVerdict.QueueFull), Fill((Standing)standing, receivers: 10_000));

    [Fact]
    public void NewOnesThatFallSilent_LeaveAPlaceToThoseThatComeNext_AndHalfToProvenOnes()
    {
        for (var second = 0; second < 2; second++)
        {
            var (admitted, _) = Fill(Standing.New, receivers: 10_000);
            _shares.Count(Standing.New, -admitted);
            _shares.Count(Standing.Silent, admitted);

            Assert.Equal(AdmissionVerdict.Entered, _shares.Judge(Standing.New, held: 0, Free));
            Assert.Equal(AdmissionVerdict.QueueFull, _shares.Judge(Standing.Silent, held: 0, Free));
        }

        Assert.InRange(_shares.Unproven, 490, 499);
        Assert.Equal(Places - _shares.Unproven, Fill(Standing.Proven, receivers: 10_000).Admitted);
    }

    private int Free => Places - _held;

    private (int Admitted, AdmissionVerdict Refusal) Fill(Standing standing, int receivers)
    {
        var held = new int[receivers];
        for (var admitted = 0; ; admitted++)
        {
            var verdict = _shares.Judge(standing, held[admitted % receivers], Free);
            if (verdict != AdmissionVerdict.Entered)
                return (admitted, verdict);
            held[admitted % receivers]++;
            _held++;
            _shares.Count(standing, 1);
        }
    }
}
