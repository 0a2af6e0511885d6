using AkkaCharging.Receivers;

namespace AkkaCharging.Tests.Receivers;

/// <summary>A turn that records what the register did with it.</summary>
/// <param name="handed">Takes the turn when it starts after a wait.</param>
/// <param name="released">Takes the turn when it is released.</param>
internal sealed class TestTurn(
    string host,
    Receiver receiver,
    object owner,
    long deadline,
    bool isRetry,
    int attempt,
    List<TestTurn> handed,
    List<TestTurn> released
) : ITurn
{
    public string Host => host;

    public Receiver Receiver => receiver;

    /// <summary>Whether it holds a slot.</summary>
    public bool Holds { get; set; }

    public long Deadline => deadline;

    public bool IsRetry => isRetry;

    public int Attempt => attempt;

    public object Delivery => this;

    public object Owner => owner;

    public bool IsGone { get; set; }

    public bool TryStart()
    {
        if (IsGone)
            return false;
        Holds = true;
        handed.Add(this);
        return true;
    }

    public void Release() => released.Add(this);
}
