using System.Globalization;

namespace AkkaCharging.Journal;

/// <summary>What a clock reads that goes on while no process has the journal.</summary>
/// <param name="Id">Of the clock: readings of two clocks say nothing about each other. Without blanks.</param>
/// <param name="IsSteady">Whether nobody can set it.</param>
internal readonly record struct ClockWitness(string Id, long Ticks, bool IsSteady)
{
    private const string BootId = "/proc/sys/kernel/random/boot_id";
    private const string Uptime = "/proc/uptime";

    /// <summary>
    /// The machine's time since it was started, suspension included; null where Linux does not tell it.
    /// </summary>
    /// <remarks>
    /// Of the system's own clock alone: another <see cref="TimeProvider"/> is asked whether it is a
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

    /// <summary>Reads what <see cref="ToString"/> wrote; null for anything else.</summary>
    public static ClockWitness? Parse(string text) =>
        text.Split('/') is [var id, var ticks]
        && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var read)
            ? new(id, read, IsSteady: false)
            : null;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Id}/{Ticks}");
}

/// <summary>
/// A clock that says what the clock beside it reads. For tests: time that runs as they want has no machine behind it.
/// </summary>
internal interface IWitnessedTime
{
    /// <summary>Null when there is none.</summary>
    ClockWitness? Witness { get; }
}
