using System.Globalization;

namespace AkkaCharging.Journal;

/// <summary>A reading of a clock that keeps running while no process owns the journal.</summary>
/// <param name="Id">The identity of the clock, without blanks. Readings of two clocks cannot be compared.</param>
/// <param name="IsSteady">Whether the clock cannot be set.</param>
internal readonly record struct ClockWitness(string Id, long Ticks, bool IsSteady)
{
    private const string BootId = "/proc/sys/kernel/random/boot_id";
    private const string Uptime = "/proc/uptime";

    /// <summary>
    /// Reads the machine's time since boot, suspension included; null where Linux does not provide it.
    /// </summary>
    /// <remarks>
    /// Only the system's own clock has this witness: any other <see cref="TimeProvider"/> is asked for its
    /// <see cref="IWitnessedTime"/>.
    /// </remarks>
    public static ClockWitness? OfMachine(TimeProvider time)
    {
        if (time is IWitnessedTime witnessed)
            return witnessed.Witness;
        if (time != TimeProvider.System)
            return null;
        try
        {
            var seconds = double.Parse(File.ReadAllText(Uptime).Split(' ')[0], CultureInfo.InvariantCulture);
            return new(File.ReadAllText(BootId).Trim(), TimeSpan.FromSeconds(seconds).Ticks, IsSteady: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Parses what <see cref="ToString"/> wrote; null for anything else.</summary>
    public static ClockWitness? Parse(string text) =>
        text.Split('/') is [var id, var ticks]
        && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var read)
            ? new(id, read, IsSteady: false)
            : null;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Id}/{Ticks}");
}

/// <summary>A clock with a witness of its own, for tests whose simulated time has no machine behind it.</summary>
internal interface IWitnessedTime
{
    /// <summary>The reading of the witness; null when there is none.</summary>
    ClockWitness? Witness { get; }
}
